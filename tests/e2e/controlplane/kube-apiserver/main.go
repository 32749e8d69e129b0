// kube-apiserver as a program of this module: its version is pinned, and its sums are checked, by go.mod and go.sum.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}

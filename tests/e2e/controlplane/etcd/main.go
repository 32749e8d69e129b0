// etcd as a program of this module: its version is pinned, and its sums are checked, by go.mod and go.sum.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}

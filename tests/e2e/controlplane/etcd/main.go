// etcd as a program of this module: go.mod pins its version, and go.sum its checksums.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}

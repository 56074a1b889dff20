package main

import (
	"context"

	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func init() {
	components["kubelet"] = func() { run(kubelet.NewKubeletCommand(context.Background())) }
}

package main

import (
	"context"

	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

// specOf is what a running lab was made from, where that can still be read.
func (a *app) specOf(context.Context, runningLab) (plan.Spec, bool) { return plan.Spec{}, false }

// projectName is the name under which a lab that is not running would run.
func (a *app) projectName(context.Context, string) (string, bool) { return "", false }

// addressesOf are the addresses at which a running lab is reached.
func (a *app) addressesOf(_ context.Context, lab runningLab) []address {
	return addresses(lab.state.Containers, nil, a.engineClient.Address())
}

// probesOf are the conditions of readiness by service, and whose network a service is in.
func probesOf(spec plan.Spec) (map[string][]ready.Probe, map[string]string) {
	desired, err := plan.Want(spec)
	if err != nil {
		return spec.Probes, nil
	}
	probes, providers := map[string][]ready.Probe{}, map[string]string{}
	for _, s := range desired.Services {
		probes[s.Name] = s.Probes
		for _, share := range s.Shares {
			if share.Namespace == plan.ShareNetwork {
				providers[s.Name] = share.Service
			}
		}
	}
	return probes, providers
}

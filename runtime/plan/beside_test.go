package plan

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

func TestWhatStandsBesideAProjectTouchesNothingOfIt(t *testing.T) {
	helper := types.ServiceConfig{Name: "helper"}
	helper.Networks = map[string]*types.ServiceNetworkConfig{"shop_default": nil}
	helper.Image, helper.Labels = "helper", types.Labels{engine.LabelHelper: engine.HelperClient}
	desired, err := Want(Spec{Lab: "shop", Project: &types.Project{Name: "shop", Services: types.Services{"helper": helper},
		Networks: types.Networks{"shop_default": {Name: "shop_default", External: true}}}})
	require.NoError(t, err)
	theirs := map[string]string{engine.LabelProject: "shop"}
	actual := engine.State{
		Containers: []engine.Container{{ID: "1", Name: "shop-web-1", Service: "web", Number: 1, Phase: engine.PhaseRunning, Labels: theirs}},
		Networks:   []engine.Network{{ID: "n", Name: "shop_default", Labels: theirs}},
		Volumes:    []engine.Volume{{Name: "shop_data", Labels: theirs}},
	}
	_, err = Make(desired, actual, Options{})
	require.ErrorIs(t, err, engine.ErrForeign)
	require.Contains(t, hint.Of(err), "ddsctl attach shop")

	made, err := Make(desired, actual, Options{Beside: true})
	require.NoError(t, err)
	require.Equal(t, lines("create container shop-helper-1\nstart container shop-helper-1"), lines(made.String()))

	_, err = Make(desired, actual, Options{Beside: true, Claims: []engine.Claim{{Kind: engine.KindContainer, Name: "shop-helper-1", Labels: theirs}}})
	require.ErrorIs(t, err, engine.ErrForeign, "the name is taken in the project itself")

	down := Teardown(actual, TeardownOptions{})
	require.True(t, down.Empty(), down.String())
}

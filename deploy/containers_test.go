package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"go.yaml.in/yaml/v3"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	strict "sigs.k8s.io/yaml"

	"github.com/memsweep/memsweep/targets"
)

// manifests decodes each file with Kubernetes' own types. A key that they do not
// have, or that stands twice, is an error.
func manifests(t *testing.T) map[string]any {
	t.Helper()
	kinds := map[string]func() any{
		"v1/Namespace":                       func() any { return &core.Namespace{} },
		"v1/ConfigMap":                       func() any { return &core.ConfigMap{} },
		"v1/PersistentVolumeClaim":           func() any { return &core.PersistentVolumeClaim{} },
		"apps/v1/Deployment":                 func() any { return &apps.Deployment{} },
		"batch/v1/CronJob":                   func() any { return &batch.CronJob{} },
		"networking.k8s.io/v1/NetworkPolicy": func() any { return &networking.NetworkPolicy{} },
	}
	names, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]any{}
	for _, name := range names {
		if filepath.Base(name) == "kustomization.yaml" {
			continue
		}
		decoder := yaml.NewDecoder(strings.NewReader(read(t, name)))
		for {
			var node any
			if err := decoder.Decode(&node); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text, err := yaml.Marshal(node)
			if err != nil {
				t.Fatal(err)
			}
			var head struct{ APIVersion, Kind string }
			if err := strict.Unmarshal(text, &head); err != nil {
				t.Fatal(err)
			}
			kind := head.APIVersion + "/" + head.Kind
			if kinds[kind] == nil {
				t.Fatalf("%s: %s is not looked at", name, kind)
			}
			object := kinds[kind]()
			if err := strict.UnmarshalStrict(text, object); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			list[filepath.Base(name)] = object
		}
	}
	return list
}

func TestManifestsAreKubernetes(t *testing.T) {
	t.Parallel()
	list := manifests(t)
	var file struct{ Resources []string }
	if err := strict.Unmarshal([]byte(read(t, "kubernetes/kustomization.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, name := range file.Resources {
		if list[name] == nil {
			t.Errorf("kustomization.yaml names %s, which is not there", name)
		}
	}
	if err := strict.UnmarshalStrict([]byte("apiVersion: batch/v1\nkind: CronJob\nspec: {shedule: x}"), &batch.CronJob{}); err == nil {
		t.Error("a key that Kubernetes does not have was taken")
	}
}

// TestKustomize builds what `kubectl apply -k` would send.
func TestKustomize(t *testing.T) {
	t.Parallel()
	need(t, "kubectl", "kubernetes-client, or from kubernetes.io", "")
	said, err := exec.Command("kubectl", "kustomize", "kubernetes").CombinedOutput()
	if err != nil || bytes.Count(said, []byte("\nkind: ")) != 5 || !bytes.Contains(said, []byte("image: registry.example/memsweep:edit-me")) {
		t.Errorf("%v\n%s", err, said)
	}
}

// TestPodsAreRestricted holds the pods against the restricted Pod Security
// Standard, and against what memsweep needs.
func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	list := manifests(t)
	job := list["cronjob.yaml"].(*batch.CronJob)
	if job.Spec.ConcurrencyPolicy != batch.ForbidConcurrent || job.Spec.TimeZone == nil || job.Spec.StartingDeadlineSeconds == nil {
		t.Error("the CronJob may run twice at once, or in an unknown time zone, or never after a delay")
	}
	deployment := list["deployment.yaml"].(*apps.Deployment)
	if *deployment.Spec.Replicas != 1 || deployment.Spec.Strategy.Type != apps.RecreateDeploymentStrategyType {
		t.Error("the Deployment may have two writers")
	}
	policy := list["networkpolicy.yaml"].(*networking.NetworkPolicy)
	for name, template := range map[string]core.PodTemplateSpec{"CronJob": job.Spec.JobTemplate.Spec.Template, "Deployment": deployment.Spec.Template} {
		for key, value := range policy.Spec.PodSelector.MatchLabels {
			if template.Labels[key] != value {
				t.Errorf("%s: the NetworkPolicy does not select it", name)
			}
		}
		for _, wrong := range unrestricted(template.Spec) {
			t.Errorf("%s: %s", name, wrong)
		}
	}
	if wrong := unrestricted(core.PodSpec{Containers: []core.Container{{}}}); len(wrong) < 6 {
		t.Errorf("of a pod without any rule only this is wrong: %q", wrong)
	}
}

func unrestricted(spec core.PodSpec) (wrong []string) {
	yes := func(b *bool) bool { return b != nil && *b }
	no := func(b *bool) bool { return b != nil && !*b }
	expect := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	pod := spec.SecurityContext
	if pod == nil {
		pod = &core.PodSecurityContext{}
	}
	expect(yes(pod.RunAsNonRoot) && pod.RunAsUser != nil && *pod.RunAsUser == 65532, "it may run as root, or not as the image's user")
	expect(pod.SeccompProfile != nil && pod.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault, "no seccomp profile")
	expect(no(spec.AutomountServiceAccountToken), "it gets a token of the cluster")
	expect(!spec.HostNetwork && !spec.HostPID && !spec.HostIPC, "it shares the host's namespaces")
	for _, c := range spec.Containers {
		s := c.SecurityContext
		if s == nil {
			s = &core.SecurityContext{}
		}
		expect(no(s.AllowPrivilegeEscalation), "it may gain privileges")
		expect(yes(s.ReadOnlyRootFilesystem), "it may write to its image")
		expect(s.Capabilities != nil && slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) && len(s.Capabilities.Add) == 0, "it has capabilities")
		expect(!c.Resources.Limits.Memory().IsZero() && !c.Resources.Requests.Cpu().IsZero(), "no resources are stated")
	}
	return wrong
}

// TestNetworkPolicyIsTheScope: the cluster's lock and memsweep's are the same.
func TestNetworkPolicyIsTheScope(t *testing.T) {
	t.Parallel()
	list := manifests(t)
	scope, err := targets.ParseScope([]byte(list["config.yaml"].(*core.ConfigMap).Data["scope.yaml"]), "scope.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var allowed targets.Set
	policy := list["networkpolicy.yaml"].(*networking.NetworkPolicy)
	if len(policy.Spec.PolicyTypes) != 2 {
		t.Errorf("it is about %v only", policy.Spec.PolicyTypes)
	}
	for _, rule := range policy.Spec.Egress {
		var ports []string
		for _, p := range rule.Ports {
			ports = append(ports, fmt.Sprint(*p.Protocol, " ", p.Port.IntValue()))
		}
		for _, peer := range rule.To {
			if peer.IPBlock == nil {
				continue
			}
			if !slices.Equal(ports, []string{"TCP 11211", "UDP 11211"}) {
				t.Errorf("it allows %q", ports)
			}
			allowed = allowed.Union(setOf(t, peer.IPBlock.CIDR).Minus(setOf(t, peer.IPBlock.Except...)))
		}
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			t.Error("a rule without an end")
		}
	}
	if want := scope.Allow.Minus(scope.Deny); !slices.Equal(allowed.Prefixes(), want.Prefixes()) {
		t.Errorf("the cluster allows %v, the scope %v", allowed.Prefixes(), want.Prefixes())
	}
}

func setOf(t *testing.T, texts ...string) targets.Set {
	t.Helper()
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	set, err := targets.SetOf(list...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestCompose holds the file against the Compose specification's own schema.
func TestCompose(t *testing.T) {
	t.Parallel()
	var file map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "compose/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(file); err != nil {
		t.Error(err)
	}
	if err := schema.Validate(map[string]any{"services": map[string]any{"x": map[string]any{"capdrop": 1}}}); err == nil {
		t.Error("a key that Compose does not have was taken")
	}
	service := file["services"].(map[string]any)["memsweep"].(map[string]any)
	for key, want := range map[string]string{
		"read_only": "true", "cap_drop": "[ALL]", "security_opt": "[no-new-privileges:true]", "user": "65532:65532", "network_mode": "host",
	} {
		if got := fmt.Sprint(service[key]); got != want {
			t.Errorf("%s is %s, not %s", key, got, want)
		}
	}
	if service["ports"] != nil || service["privileged"] != nil {
		t.Error("it opens a port, or is privileged")
	}
}

package compose

// Support says what becomes of a key.
type Support string

// What becomes of a key.
const (
	// Supported keys do what the Compose specification says.
	Supported Support = "supported"
	// Trusted keys, or some of their values, reach beyond the lab and are refused unless the lab is trusted (--trust).
	Trusted Support = "needs trust"
	// Refused keys end the loading, by name and line.
	Refused Support = "refused"
)

// Key is one key of the Compose specification.
type Key struct {
	// Path is the key with those around it; * stands for a name that the author gives.
	Path    string
	Support Support
	// Note says what is special, and for what is refused why.
	Note string
}

// Words that are said of several keys.
const (
	swarmOnly   = "only Swarm acts on it"
	windowsOnly = "only Windows containers have it"
	hostShare   = "`host` shares the host's"
	otherShare  = "`service:NAME` shares that of a service of the lab; `container:NAME`, one from outside the lab"
	inFolder    = "outside the lab's folder"
	loopback    = "without an address the port is published on 127.0.0.1, where Docker Compose publishes it on every address of the machine; other addresses"
)

// Keys is the supported surface: every key of the Compose specification, and what becomes of it. docs/compose-support.md is
// made from it, the loader obeys it, and a test holds it against the specification's own schema. A key without keys below it
// here is taken as a whole.
func Keys() []Key {
	var all []Key
	for _, part := range [][]Key{topKeys(), serviceKeys(), resourceKeys(), buildKeys(), mountKeys(), relationKeys(), networkKeys(), storageKeys()} {
		all = append(all, part...)
	}
	return all
}

func yes(paths ...string) []Key {
	keys := make([]Key, len(paths))
	for i, path := range paths {
		keys[i] = Key{Path: path, Support: Supported}
	}
	return keys
}

func noted(path, note string) Key   { return Key{path, Supported, note} }
func trusted(path, note string) Key { return Key{path, Trusted, note} }

func refused(note string, paths ...string) []Key {
	keys := make([]Key, len(paths))
	for i, path := range paths {
		keys[i] = Key{path, Refused, note}
	}
	return keys
}

func join(parts ...[]Key) []Key {
	var all []Key
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func topKeys() []Key {
	return join(
		yes("name", "services", "networks", "volumes", "configs", "secrets"),
		[]Key{
			noted("version", "obsolete: read, and without meaning, as in Docker Compose"),
			noted("include", "of files in the lab's folder; not in the catalogue"),
			trusted("include.path", inFolder),
			trusted("include.project_directory", inFolder),
			trusted("include.env_file", inFolder),
		},
		refused("language models are nothing that a lab runs", "models", "services.*.models"),
		refused("jobs with a schedule are not run; give a service `deploy.mode: replicated-job`, or let another depend on it with service_completed_successfully", "jobs"),
	)
}

func serviceKeys() []Key {
	return join(
		yes("services.*.image", "services.*.command", "services.*.entrypoint", "services.*.working_dir", "services.*.user",
			"services.*.hostname", "services.*.domainname", "services.*.environment", "services.*.labels", "services.*.annotations",
			"services.*.profiles", "services.*.scale", "services.*.restart", "services.*.init", "services.*.tty",
			"services.*.stdin_open", "services.*.read_only", "services.*.cap_drop", "services.*.group_add", "services.*.stop_signal",
			"services.*.stop_grace_period", "services.*.platform", "services.*.dns", "services.*.dns_opt", "services.*.dns_search",
			"services.*.extra_hosts", "services.*.expose", "services.*.healthcheck", "services.*.healthcheck.disable",
			"services.*.healthcheck.interval", "services.*.healthcheck.retries", "services.*.healthcheck.test",
			"services.*.healthcheck.timeout", "services.*.healthcheck.start_period", "services.*.logging", "services.*.logging.driver",
			"services.*.logging.options"),
		[]Key{
			noted("services.*.container_name", "with one replica"),
			noted("services.*.healthcheck.start_interval", "while a service starts, ddsctl probes more often than this by itself"),
			noted("services.*.attach", "`up` shows no logs; `ddsctl lab logs` shows those of every service"),
			noted("services.*.develop", "says what `docker compose watch` does, nothing about `up`"),
			noted("services.*.pull_policy", "missing, if_not_present, always, never and build"),
			noted("services.*.sysctls", "those of the container's own namespaces"),
			trusted("services.*.env_file", inFolder),
			trusted("services.*.env_file.path", inFolder),
			noted("services.*.env_file.format", ""), noted("services.*.env_file.required", ""),
			trusted("services.*.label_file", inFolder),
			trusted("services.*.privileged", "gives the container the machine"),
			trusted("services.*.cap_add", "every added capability"),
			trusted("services.*.security_opt", "everything but no-new-privileges:true"),
			trusted("services.*.devices", "devices of the machine"),
			trusted("services.*.devices.source", "devices of the machine"),
			noted("services.*.devices.target", ""), noted("services.*.devices.permissions", ""),
			trusted("services.*.device_cgroup_rules", "devices of the machine"),
			trusted("services.*.network_mode", hostShare+" network; "+otherShare),
			trusted("services.*.pid", hostShare+" processes; "+otherShare),
			trusted("services.*.ipc", hostShare+" memory; "+otherShare),
			trusted("services.*.uts", hostShare+" name"),
			trusted("services.*.userns_mode", hostShare+" users"),
			trusted("services.*.cgroup", hostShare+" control groups"),
			trusted("services.*.cgroup_parent", "a control group outside the lab"),
			trusted("services.*.runtime", "another container runtime"),
			trusted("services.*.ports", loopback),
			trusted("services.*.ports.host_ip", loopback),
			noted("services.*.ports.target", ""), noted("services.*.ports.published", ""), noted("services.*.ports.protocol", ""),
			noted("services.*.ports.name", "a word for people"), noted("services.*.ports.app_protocol", "a word for people"),
			noted("services.*.ports.mode", "on one machine, host and ingress are the same"),
		},
		refused("it would hand the container the engine's socket, and with it the machine", "services.*.use_api_socket"),
		refused("commands around a container's start and stop are not run; put them into the image, or into a service of their own",
			"services.*.pre_start", "services.*.post_start", "services.*.pre_stop"),
		refused("something else than a container is not run", "services.*.provider"),
		refused("the engine gives out the addresses", "services.*.mac_address"),
		refused("it belongs to links of the time before networks; services reach each other by name", "services.*.links", "services.*.external_links"),
		refused("graphics processors are not handed out", "services.*.gpus"),
		refused(windowsOnly, "services.*.credential_spec", "services.*.isolation"),
		refused("the engine has no word for it; set it in the command", "services.*.umask"),
		refused("images are not pulled again by age; use `ddsctl image build`", "services.*.pull_refresh_after"),
		refused("name the volumes under `volumes`", "services.*.volumes_from"),
	)
}

func resourceKeys() []Key {
	return join(
		yes("services.*.cpus", "services.*.cpuset", "services.*.cpu_shares", "services.*.cpu_quota", "services.*.cpu_period",
			"services.*.mem_limit", "services.*.mem_reservation", "services.*.mem_swappiness", "services.*.memswap_limit",
			"services.*.pids_limit", "services.*.shm_size", "services.*.storage_opt", "services.*.ulimits",
			"services.*.ulimits.*.soft", "services.*.ulimits.*.hard",
			"services.*.deploy", "services.*.deploy.replicas", "services.*.deploy.resources", "services.*.deploy.resources.limits",
			"services.*.deploy.resources.limits.cpus", "services.*.deploy.resources.limits.memory",
			"services.*.deploy.resources.limits.pids", "services.*.deploy.resources.reservations",
			"services.*.deploy.resources.reservations.memory", "services.*.deploy.restart_policy",
			"services.*.deploy.restart_policy.condition", "services.*.deploy.restart_policy.max_attempts"),
		[]Key{
			noted("services.*.deploy.mode", "replicated, and replicated-job for a service that is done when it exits with 0"),
			trusted("services.*.cpu_rt_period", "realtime scheduling can starve the machine"),
			trusted("services.*.cpu_rt_runtime", "realtime scheduling can starve the machine"),
			trusted("services.*.oom_kill_disable", "the machine runs out of memory instead"),
			trusted("services.*.oom_score_adj", "below 0 the machine's own processes are killed first"),
		},
		refused(windowsOnly, "services.*.cpu_count", "services.*.cpu_percent"),
		refused("reads and writes of disks are not limited", "services.*.blkio_config"),
		refused(swarmOnly, "services.*.deploy.endpoint_mode", "services.*.deploy.labels", "services.*.deploy.placement",
			"services.*.deploy.rollback_config", "services.*.deploy.update_config",
			"services.*.deploy.resources.reservations.generic_resources", "services.*.deploy.resources.reservations.cpus"),
		refused("graphics processors are not handed out", "services.*.deploy.resources.reservations.devices"),
		refused("the engine decides how long it waits before it restarts a container", "services.*.deploy.restart_policy.delay",
			"services.*.deploy.restart_policy.window"),
	)
}

func buildKeys() []Key {
	return join(
		yes("services.*.build.dockerfile", "services.*.build.args", "services.*.build.target", "services.*.build.labels",
			"services.*.build.dockerfile_inline", "services.*.build.no_cache"),
		[]Key{
			noted("services.*.build", "of a folder in the lab's folder"),
			trusted("services.*.build.context", inFolder),
			trusted("services.*.build.network", "`host`"),
		},
		refused("of a build, ddsctl knows the context, the Dockerfile, its arguments and its target",
			"services.*.build.additional_contexts", "services.*.build.cache_from", "services.*.build.cache_to",
			"services.*.build.entitlements", "services.*.build.extra_hosts",
			"services.*.build.isolation", "services.*.build.no_cache_filter",
			"services.*.build.platforms", "services.*.build.privileged", "services.*.build.provenance", "services.*.build.pull",
			"services.*.build.sbom", "services.*.build.secrets", "services.*.build.shm_size", "services.*.build.ssh",
			"services.*.build.tags", "services.*.build.ulimits"),
	)
}

func mountKeys() []Key {
	var files []Key
	for _, kind := range []string{"configs", "secrets"} {
		prefix := "services.*." + kind
		files = append(files, yes(prefix, prefix+".source", prefix+".target", prefix+".uid", prefix+".gid", prefix+".mode")...)
	}
	return join(files,
		yes("services.*.volumes.target", "services.*.volumes.read_only", "services.*.volumes.bind",
			"services.*.volumes.bind.propagation", "services.*.volumes.bind.create_host_path", "services.*.volumes.tmpfs",
			"services.*.volumes.tmpfs.size", "services.*.volumes.tmpfs.mode"),
		[]Key{
			noted("services.*.tmpfs", "with the options size, mode and ro"),
			noted("services.*.volumes.type", "volume, bind and tmpfs"),
			trusted("services.*.volumes", "folders and files "+inFolder+", and the engine's socket"),
			trusted("services.*.volumes.source", "folders and files "+inFolder+", and the engine's socket"),
		},
		refused("it does nothing any more", "services.*.volumes.consistency"),
		refused("mounts take no such option", "services.*.volumes.bind.recursive", "services.*.volumes.bind.selinux",
			"services.*.volumes.volume", "services.*.volumes.image"),
	)
}

func relationKeys() []Key {
	return join(
		yes("services.*.depends_on", "services.*.depends_on.*.condition", "services.*.depends_on.*.restart",
			"services.*.depends_on.*.required", "services.*.extends", "services.*.extends.service"),
		[]Key{trusted("services.*.extends.file", inFolder+"; not in the catalogue")},
		yes("services.*.networks", "services.*.networks.*.aliases", "services.*.networks.*.ipv4_address",
			"services.*.networks.*.ipv6_address", "services.*.networks.*.priority", "services.*.networks.*.use_service_name_alias"),
		refused("the engine sets the interface up", "services.*.networks.*.driver_opts", "services.*.networks.*.gw_priority",
			"services.*.networks.*.interface_name", "services.*.networks.*.link_local_ips", "services.*.networks.*.mac_address"),
	)
}

func networkKeys() []Key {
	return join(
		yes("networks.*.name", "networks.*.internal", "networks.*.enable_ipv6", "networks.*.attachable", "networks.*.labels",
			"networks.*.ipam", "networks.*.ipam.driver", "networks.*.ipam.options", "networks.*.ipam.config",
			"networks.*.ipam.config.subnet", "networks.*.ipam.config.ip_range", "networks.*.ipam.config.gateway",
			"networks.*.ipam.config.aux_addresses"),
		[]Key{
			trusted("networks.*.driver", "everything but bridge"),
			trusted("networks.*.driver_opts", "everything but com.docker.network.driver.mtu"),
			trusted("networks.*.external", "a network that is not the lab's"),
			noted("networks.*.external.name", ""),
		},
		refused("networks always have IPv4", "networks.*.enable_ipv4"),
	)
}

func storageKeys() []Key {
	return join(
		yes("volumes.*.name", "volumes.*.labels"),
		[]Key{
			trusted("volumes.*.driver", "everything but local"),
			trusted("volumes.*.driver_opts", "everything but a tmpfs: other devices are folders or disks of the machine"),
			trusted("volumes.*.external", "a volume that is not the lab's"),
			noted("volumes.*.external.name", ""),
		},
		yes("configs.*.name", "configs.*.content", "configs.*.environment", "secrets.*.name", "secrets.*.environment"),
		[]Key{trusted("configs.*.file", inFolder), trusted("secrets.*.file", inFolder)},
		refused("a lab brings its own", "configs.*.external", "secrets.*.external"),
		refused(swarmOnly, "configs.*.labels", "configs.*.template_driver", "secrets.*.labels", "secrets.*.driver",
			"secrets.*.driver_opts", "secrets.*.template_driver"),
	)
}

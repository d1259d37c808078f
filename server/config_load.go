package server

import (
	"fmt"
	"slices"
	"strings"
)

// Sources is where a configuration comes from.
type Sources struct {
	// File is the path of a YAML file, or "" for none. The variable
	// OPENLINE_CONFIG names one too.
	File string
	// Environ is the environment, in the form of os.Environ.
	Environ []string
	// Flags are the values given as flags, by [Field.Path].
	Flags map[string]string
}

// Variables of the environment that are not fields.
const (
	envConfig = envPrefix + "CONFIG"
	envAPIKey = envPrefix + "API_KEY"
	envServer = envPrefix + "SERVER" // read by the client commands
	// minPrefixEdits is how near an unknown variable must be to a known one to
	// be taken for a slip: others begin with OPENLINE_ for their own reasons,
	// such as those that Kubernetes makes for a service named openline.
	minPrefixEdits = 2
)

// Load returns the configuration that s describes, and warnings that a person
// should see. It checks the form of each value, not what they mean together:
// that is [New]'s.
func Load(s *Sources) (c *Config, warnings []string, err error) {
	c = &Config{}
	environ := make(map[string]string)
	for _, entry := range s.Environ {
		// An empty variable counts as none, so that a line of a compose file
		// that passes an unset variable on changes nothing.
		if name, value, ok := strings.Cut(entry, "="); ok && value != "" && strings.HasPrefix(name, envPrefix) {
			environ[name] = value
		}
	}
	path := s.File
	if path == "" {
		path = environ[envConfig]
	}
	if path != "" {
		if err := applyFile(c, path); err != nil {
			return nil, nil, err
		}
	}
	known := []string{envConfig, envAPIKey, envServer}
	fields := Fields()
	for _, f := range fields {
		known = append(known, f.Env)
		if text, ok := environ[f.Env]; ok {
			if err := f.Set(c, text); err != nil {
				return nil, nil, fmt.Errorf("server: %s: %w", f.Env, err)
			}
		}
	}
	if key, ok := environ[envAPIKey]; ok {
		keys := []string{key}
		if _, ok := environ[envPrefix+"API_KEYS"]; ok {
			keys = append(keys, c.APIKeys...)
		}
		c.APIKeys = keys
	}
	for _, f := range fields {
		if text, ok := s.Flags[f.Path]; ok {
			if err := f.Set(c, text); err != nil {
				return nil, nil, fmt.Errorf("server: --%s: %w", f.Flag, err)
			}
		}
	}
	for name := range environ {
		if best, n := nearest(name, known); n > 0 && n <= minPrefixEdits {
			warnings = append(warnings, fmt.Sprintf("the variable %s means nothing here; did you mean %s?", name, best))
		}
	}
	slices.Sort(warnings)
	return c, warnings, nil
}

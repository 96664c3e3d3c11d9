package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"framegate/server/internal/config"
)

// runOptions are the flags of run.
type runOptions struct {
	source
	requestFlags
	show  showFlags
	frame string
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [flags] URLPATH\n  framegate run [flags] [URLPATH] -- PROGRAM [ARG…]\n  framegate run [flags] --from FILE [N|NAME]",
		Short: "Run one exchange from the shell, as serve would",
		Long: `Run sends one request through the very code that serve uses and prints the
response as curl -i would; the frame's stderr goes to stderr. It exits with 0
when the status is below 500, else with 1.

The request is that of a path and curl's flags -X, -H and -d; or it comes from a
file or a pasted curl command line. Who answers is found in gateway.toml, or is
the program behind --, which needs no configuration.`,
		Example: `  framegate run /index.html
  framegate run -X POST -d 'name=值' /hello
  framegate run --trace '/hello/a/b?x=1'
  framegate run --lint -- ./hello.sh
  framegate run --from shop.http login
  framegate run --curl "curl 'http://localhost/hello' -H 'Accept: text/html'"`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.hasData = cmd.Flags().Changed("data")
			before, program := args, []string(nil)
			if n := cmd.ArgsLenAtDash(); n >= 0 {
				before, program = args[:n], args[n:]
				if len(program) == 0 {
					return &usageError{msg: "there is no program behind --", command: cmd.CommandPath(), hint: "framegate run -- ./hello.sh"}
				}
			}
			return o.run(cmd, before, program)
		},
	}
	o.source.register(cmd)
	cmd.Flags().StringVar(&o.frame, "frame", "", "have the frame of that `NAME` answer, whatever the URL says")
	o.requestFlags.register(cmd)
	o.show.register(cmd)
	cmd.Flags().SortFlags = false
	return cmd
}

func (o *runOptions) run(cmd *cobra.Command, args, program []string) error {
	if err := o.show.check(cmd); err != nil {
		return err
	}
	request, err := o.request(cmd, args, program != nil)
	if err != nil {
		return err
	}
	cfg, err := o.configure(cmd, program)
	if err != nil {
		return err
	}
	if request.Host == "" {
		request.Host = defaultHost(cfg)
	}
	if o.show.script {
		for i := range cfg.Frames {
			cfg.Frames[i].StreamBody = false // it goes into the script, not to the process
		}
	}
	x := &runExchange{cfg: cfg, request: request, frame: o.frame, show: newShower(&o.show, cmd.OutOrStdout())}
	if program == nil && o.cgiBin == "" {
		x.nothing = nothingHere(cfg)
	}
	return x.run(cmd.Context())
}

// nothingHere says what to do in a directory with neither a configuration nor
// what is served without one: most often it is the wrong one.
func nothingHere(cfg *config.Config) string {
	if cfg.File != "" {
		return ""
	}
	for _, name := range []string{"static", "frames"} {
		if _, err := os.Stat(name); err == nil {
			return ""
		}
	}
	return "there is no gateway.toml here, no static/ and no frames/: go to the site's directory, name its file with -c, or run a program with -- ./prog"
}

// configure loads what serve would, or makes what one program needs.
func (o *runOptions) configure(cmd *cobra.Command, program []string) (*config.Config, error) {
	if program != nil {
		for _, name := range []string{"config", "cgi-bin", "frame"} {
			if cmd.Flags().Changed(name) {
				return nil, &usageError{msg: fmt.Sprintf("--%s and a program behind -- exclude one another", name), command: cmd.CommandPath()}
			}
		}
		return programConfig(program)
	}
	cfg, err := o.load("")
	if err != nil {
		return nil, err
	}
	if o.frame != "" && cfg.FrameByName(o.frame) == nil {
		var names []string
		for i := range cfg.Frames {
			names = append(names, cfg.Frames[i].Name)
		}
		slices.Sort(names)
		return nil, &usageError{msg: fmt.Sprintf("no frame is named %q", o.frame), command: cmd.CommandPath(),
			hint: "there are: " + strings.Join(names, ", ")}
	}
	return cfg, nil
}

// defaultHost is what a client would put into Host.
func defaultHost(cfg *config.Config) string {
	for _, host := range cfg.HTTP.Hosts {
		if !strings.HasPrefix(host, "*.") {
			return host
		}
	}
	if strings.HasPrefix(cfg.Listen, "unix:") {
		return "localhost"
	}
	return cfg.Listen
}

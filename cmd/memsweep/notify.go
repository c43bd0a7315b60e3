package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/notify"
)

func notifyCommand() *cli.Command {
	config := &cli.StringFlag{Name: "config", Usage: "read the targets from `CONFIG.yaml`, under notify", Required: true}
	file := &cli.StringFlag{Name: "history", Usage: "the history `FILE` whose outbox it is", Required: true}
	target := &cli.StringFlag{Name: "target", Usage: "only the messages to the target `NAME`"}
	return &cli.Command{
		Name:  "notify",
		Usage: "try, list and mend what tells people of changes",
		Subcommands: []*cli.Command{
			{
				Name:      "test",
				Usage:     "send a message to a target that says that it is a test",
				ArgsUsage: "NAME",
				Description: "It is made, signed and sent just as any other, but once, and beside the outbox. What\n" +
					"the receiver answered is printed. The exit status is 0 when it took the message, 2\n" +
					"when the configuration is wrong, and 4 when the message did not arrive.",
				Flags:  []cli.Flag{config},
				Action: testTarget,
			},
			{
				Name:   "list",
				Usage:  "list the targets, without their secrets",
				Flags:  []cli.Flag{config},
				Action: listTargets,
			},
			{
				Name:   "outbox",
				Usage:  "list messages that wait or were given up, and why",
				Flags:  []cli.Flag{file, target, &cli.BoolFlag{Name: "all", Usage: "those that were delivered, too"}, &cli.BoolFlag{Name: "json", Usage: "as JSON, one message a line, with all that is in it"}},
				Action: listOutbox,
			},
			{
				Name:      "retry",
				Usage:     "send messages again that wait or were given up",
				ArgsUsage: "[MESSAGE...]",
				Description: "Without a MESSAGE, all that were given up are sent again, those of --target alone if it\n" +
					"is given. `memsweep run` sends them; here they are only put back.",
				Flags:  []cli.Flag{file, target},
				Action: retryMessages,
			},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.Command.Subcommands, "memsweep notify", c.Args().First())
			}
			cli.ShowSubcommandHelp(c)
			return &exit{code: exitUsage}
		},
	}
}

func testTarget(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("notify test: write one target: `memsweep notify test soc --config memsweep.yaml`")
	}
	targets, err := notify.Read(c.String("config"))
	if err != nil {
		return usage(err)
	}
	name := c.Args().First()
	t, err := notify.Find(targets, name)
	if err != nil {
		return usagef("notify test: %w %q: `memsweep notify list --config %s` lists them", err, name, c.String("config"))
	}
	ctx, _, _, release := interrupts(c.Context)
	defer release()
	began := time.Now()
	say(c.App.ErrWriter, "sending a test message to %s (%s, %s)", t.Name, t.Kind, t.Where)
	answer, err := notify.Test(ctx, t, began)
	took := time.Since(began).Round(time.Millisecond)
	if err != nil {
		return &exit{exitOutput, fmt.Errorf("notify test %s: it did not arrive (after %s): %w", t.Name, took, err)}
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s took the message (after %s): %s\n", t.Name, took, exposure.Escape(answer))
	return written(err)
}

func listTargets(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	targets, err := notify.Read(c.String("config"))
	if err != nil {
		return usage(err)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tWHERE\tTOLD")
	for _, t := range targets {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, t.Kind, exposure.Escape(t.Where), exposure.Escape(t.Only.String()))
	}
	return written(w.Flush())
}

func listOutbox(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	store, err := history.Open(c.Context, c.String("history"), history.ReadOnly)
	if err != nil {
		return usagef("notify outbox: %w", err)
	}
	defer store.Close()
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	n := 0
	err = eachMessage(c, store, func(m history.Message) error {
		if m.Sent != nil && !c.Bool("all") {
			return nil
		}
		n++
		if c.Bool("json") {
			line, err := json.Marshal(m)
			if err == nil {
				_, err = fmt.Fprintf(c.App.Writer, "%s\n", line)
			}
			return err
		}
		if n == 1 {
			fmt.Fprintln(w, "MESSAGE\tTARGET\tMADE (UTC)\tATTEMPTS\tSTATE\tTITLE\tPROBLEM")
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", m.ID, exposure.Escape(m.Target), m.Created.Format(time.DateTime), m.Attempts,
			messageState(m), exposure.Escape(titleOf(m)), exposure.Escape(m.Problem))
		return err
	})
	if err != nil {
		return written(err)
	}
	if n == 0 && !c.Bool("json") {
		say(c.App.ErrWriter, "nothing waits, and nothing was given up")
	}
	return written(w.Flush())
}

// eachMessage hands over the messages, the newest first.
func eachMessage(c *cli.Context, store *history.Store, read func(history.Message) error) error {
	page := history.Page{Limit: history.MaxLimit}
	for {
		list, next, err := store.Messages(c.Context, c.String("target"), page)
		if err != nil {
			return usage(err)
		}
		for _, m := range list {
			if err := read(m); err != nil {
				return err
			}
		}
		if page.After = next; next == "" {
			return nil
		}
	}
}

func messageState(m history.Message) string {
	switch {
	case m.Sent != nil:
		return "delivered " + m.Sent.Format(time.DateTime) + " UTC"
	case m.Next == nil:
		return "given up"
	}
	return "waits until " + m.Next.Format(time.DateTime) + " UTC"
}

func titleOf(m history.Message) string {
	var message notify.Message
	if json.Unmarshal(m.Payload, &message) != nil {
		return "?"
	}
	return strings.TrimPrefix(message.Title, "memsweep: ")
}

func retryMessages(c *cli.Context) error {
	store, err := history.Open(c.Context, c.String("history"), history.Existing)
	if err != nil {
		return usagef("notify retry: %w", err)
	}
	defer store.Close()
	ids := c.Args().Slice()
	if len(ids) == 0 {
		err := eachMessage(c, store, func(m history.Message) error {
			if m.Sent == nil && m.Next == nil {
				ids = append(ids, m.ID)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := store.Retry(c.Context, id, time.Now()); err != nil {
			return usagef("notify retry: %w: `memsweep notify outbox --history %s` lists what there is", err, c.String("history"))
		}
	}
	text := fmt.Sprintf("%d messages are to be sent again", len(ids))
	if len(ids) == 1 {
		text = "1 message is to be sent again"
	}
	_, err = fmt.Fprintln(c.App.Writer, text)
	return written(err)
}

package metrics

import "github.com/prometheus/client_golang/prometheus"

// descriptions name the metrics. What may be forgotten when a history is pruned
// is a gauge: a counter that goes backwards would be taken for a restart.
type descriptions struct {
	all []*prometheus.Desc

	build, up, readFailures, readSeconds, bytes, omitted *prometheus.Desc

	open, oldest, notRescanned, changed, events *prometheus.Desc

	sweepStarted, sweepComplete, sweepStatus          *prometheus.Desc
	planned, endpoints, coverage, asked, achieved     *prometheus.Desc
	expected, running, outcome, lastRun, lastComplete *prometheus.Desc

	backlog, pending, oldestPending, givenUp, lastSent *prometheus.Desc
}

// describe makes them. A sweep's labels are its vantage and its job, "" for what
// somebody swept without one; "job" itself is Prometheus' own label.
func describe() descriptions {
	var d descriptions
	d.describeProgram()
	d.describeExposures()
	d.describeSweeps()
	d.describeJobs()
	d.describeNotifications()
	return d
}

func (d *descriptions) add(name, help string, labels ...string) *prometheus.Desc {
	one := prometheus.NewDesc("memsweep_"+name, help, labels, nil)
	d.all = append(d.all, one)
	return one
}

func (d *descriptions) describeProgram() {
	d.build = d.add("build_info", "The program that answers; the value is always 1.", "version", "goversion")
	d.up = d.add("history_up", "1 when the history could be read. With 0 nothing else is said of it.")
	d.readFailures = d.add("history_read_failures_total", "How often the history could not be read for a scrape, since the program started.")
	d.readSeconds = d.add("history_read_duration_seconds", "How long the history took to give these numbers.")
	d.bytes = d.add("history_size_bytes", "Size of the history's file, without its journal.")
	d.omitted = d.add("names_omitted", "Vantages, jobs and notification targets that these metrics leave out, for there are too many.")
}

func (d *descriptions) describeExposures() {
	d.open = d.add("open_exposures", "Exposures (endpoint and vantage) that are open as far as is known.", "vantage", "severity", "verdict")
	d.oldest = d.add("oldest_open_exposure_age_seconds", "How long the oldest of the open exposures has been open; no sample when none is.", "vantage", "severity")
	d.notRescanned = d.add("not_rescanned_exposures", "Open exposures that were not definitively asked again, neither in the newest sweep of any job of their vantage nor since: they may be fixed, and nobody knows.", "vantage", "severity")
	d.changed = d.add("recent_changes", "Changes shown by sweeps that started in the last 24 hours.", "kind", "severity")
	d.events = d.add("events_total", "Changes and problems of runs that became known since the history was made.")
}

func (d *descriptions) describeSweeps() {
	of := []string{"vantage", "job_name"}
	d.sweepStarted = d.add("last_sweep_start_timestamp_seconds", "When the newest sweep started.", of...)
	d.sweepComplete = d.add("last_complete_sweep_start_timestamp_seconds", "When the newest complete sweep started; no sample when none ever was.", of...)
	d.sweepStatus = d.add("last_sweep_complete", "1 when the newest sweep asked everything that it had planned to ask.", of...)
	d.planned = d.add("last_sweep_planned_endpoints", "Endpoints (address and probe) that the newest sweep was to ask.", of...)
	d.endpoints = d.add("last_sweep_endpoints", "Endpoints of the newest sweep by what became of them: answered, closed, silent, local_error, not_scanned.", "vantage", "job_name", "outcome")
	d.coverage = d.add("last_sweep_coverage_ratio", "Share of the planned endpoints that the newest sweep did ask; no sample when nothing was planned.", of...)
	d.asked = d.add("last_sweep_asked_packets_per_second", "Rate that the newest sweep was allowed.", of...)
	d.achieved = d.add("last_sweep_achieved_packets_per_second", "Rate that the newest sweep reached; no sample when it is not known.", of...)
}

func (d *descriptions) describeJobs() {
	d.expected = d.add("job_expected_interval_seconds", "Longest time that lies between two runs of a job according to its schedule.", "job_name")
	d.running = d.add("job_running", "1 while a run of the job is under way.", "job_name")
	d.outcome = d.add("job_last_run_outcome", "1 for how the newest run that is over ended: complete, incomplete, failed, or missed; 0 for the others.", "job_name", "outcome")
	d.lastRun = d.add("job_last_run_due_timestamp_seconds", "When the newest run that is over was due.", "job_name")
	d.lastComplete = d.add("job_last_complete_run_end_timestamp_seconds", "When the newest complete run ended; no sample when none ever was.", "job_name")
}

func (d *descriptions) describeNotifications() {
	d.backlog = d.add("notification_backlog_events", "Events that are not yet in a message to the target.", "target")
	d.pending = d.add("notifications_pending", "Messages to the target that have not arrived yet.", "target")
	d.oldestPending = d.add("oldest_pending_notification_age_seconds", "Age of the oldest message that has not arrived; no sample when there is none.", "target")
	d.givenUp = d.add("notifications_given_up", "Messages to the target that will not be tried again, of those that the history still has.", "target")
	d.lastSent = d.add("last_notification_timestamp_seconds", "When a message last arrived; no sample when none ever did.", "target")
}

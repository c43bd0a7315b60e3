package report

import (
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// The parts of a SARIF 2.1.0 log (OASIS, errata 01) that memsweep writes.
type (
	sarifText struct {
		Text string `json:"text"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string              `json:"id"`
		Name          string              `json:"name"`
		Short         sarifText           `json:"shortDescription"`
		Full          sarifText           `json:"fullDescription"`
		Help          sarifHelp           `json:"help"`
		Configuration sarifConfiguration  `json:"defaultConfiguration"`
		Properties    sarifRuleProperties `json:"properties"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifRuleProperties struct {
		SecuritySeverity string   `json:"security-severity"`
		Precision        string   `json:"precision"`
		Tags             []string `json:"tags"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		StartTimeUTC        time.Time           `json:"startTimeUtc"`
		EndTimeUTC          *time.Time          `json:"endTimeUtc,omitempty"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications"`
		Properties          sarifSweep          `json:"properties"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifSweep struct {
		Vantage  string             `json:"vantage"`
		Trust    string             `json:"trust"`
		Status   string             `json:"status"`
		Policy   *Policy            `json:"policy,omitempty"`
		Coverage *exposure.Coverage `json:"coverage"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions"` // empty: not suppressed
		Properties   sarifFinding       `json:"properties"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
	sarifFinding struct {
		ID              string             `json:"id"`
		IP              string             `json:"ip"`
		Names           []string           `json:"names"`
		Verdict         string             `json:"verdict"`
		Severity        string             `json:"severity"`
		Version         string             `json:"version,omitempty"`
		Vulnerabilities []string           `json:"vulnerabilities,omitempty"`
		Policy          *exposure.Standing `json:"policy,omitempty"`
	}
)

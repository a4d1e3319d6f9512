// Package report turns the stream of a run into text for people and JSON for
// programs, and replays a saved JSON run into any [audit.Handler].
//
// To write: [Text], [JSON] or [Lines], each an audit.Handler; [Multi] feeds
// several at once. To read a saved run: [Replay], or [Read] to keep it whole.
// The form of the JSON is given by [Schema] and [LinesSchema]; fields may be
// added under the same number, none is changed or dropped without a new one.
//
// Every string that a host may have written passes one door, [Inline] (with
// [Quote], [Name] and [Path] built on it), in every format: what comes out is
// printable ASCII, and two different strings never look the same. No verdict is
// made here: outcomes, scores, sums and exit code come from the stream.
//
// The handlers are not safe for concurrent use; the runner calls them one at a
// time. They keep nothing of a host's snapshot or facts.
package report

// Package report says how wildcast stands in a cluster: what is issued, where it is copied, what is wrong and what to do
// about it. It makes values and text of what the controllers' surveys have judged, and makes no request.
package report

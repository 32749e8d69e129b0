{{- /* The groups of rules before the insertion of values. As JSON. */ -}}
{{- define "kuberay-exporter.ruleGroups" -}}
{{- $groups := get (fromYaml (.Files.Get "files/rules.yaml")) "groups" -}}
{{- if eq .Values.metrics "nine" -}}
{{- $exporter := list -}}
{{- range $groups }}{{ if eq .name "kuberay-exporter" }}{{ $exporter = append $exporter . }}{{ end }}{{ end -}}
{{- $groups = concat (get (fromYaml (.Files.Get "files/rules-nine.yaml")) "groups") $exporter -}}
{{- end -}}
{{- range $name, $isChosen := .Values.prometheusRule.groups -}}
{{- if $isChosen }}{{ $groups = concat $groups (get (fromYaml ($.Files.Get (printf "files/rules-%s.yaml" $name))) "groups") }}{{ end -}}
{{- end -}}
{{- toJson $groups -}}
{{- end -}}

{{- /* Refuses rules and dashboards that a list of metrics silences. files/families.yaml has what they need. */ -}}
{{- define "kuberay-exporter.refuseSilenced" -}}
{{- $needs := fromYaml (.Files.Get "files/families.yaml") -}}
{{- $silent := list -}}
{{- if .Values.prometheusRule.enabled -}}
{{- $alerts := $needs.alerts -}}
{{- range $name, $isChosen := .Values.prometheusRule.groups }}{{ if $isChosen }}{{ $alerts = merge $alerts (get $needs.groups $name) }}{{ end }}{{ end -}}
{{- range $alert, $families := $alerts -}}
{{- if not (has $alert $.Values.prometheusRule.disabled) -}}
{{- with include "kuberay-exporter.missing" (list $ $families) }}{{ $silent = append $silent (printf "%s (needs %s)" $alert .) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with $silent -}}
{{- fail (printf "metricAllowlist or metricDenylist silences alerts: %s. Export these families, add the alerts to prometheusRule.disabled, or set metrics: nine, which has rules of its own" (join ", " .)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.dashboards.enabled .Values.metricAllowlist -}}
{{- range $board, $families := $needs.dashboards -}}
{{- with include "kuberay-exporter.missing" (list $ $families) }}{{ $silent = append $silent (printf "%s (needs %s)" $board .) }}{{ end -}}
{{- end -}}
{{- with $silent -}}
{{- fail (printf "metricAllowlist empties panels of dashboards: %s. Export these families, or set metrics: nine, which has a dashboard of its own" (join ", " .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* (list $ $families): those that are not exported, with commas. */ -}}
{{- define "kuberay-exporter.missing" -}}
{{- $values := (first .).Values -}}
{{- $missing := list -}}
{{- range $family := last . -}}
{{- $isShown := empty $values.metricAllowlist -}}
{{- range $values.metricAllowlist }}{{ if mustRegexMatch . $family }}{{ $isShown = true }}{{ end }}{{ end -}}
{{- range $values.metricDenylist }}{{ if mustRegexMatch . $family }}{{ $isShown = false }}{{ end }}{{ end -}}
{{- if not $isShown }}{{ $missing = append $missing $family }}{{ end -}}
{{- end -}}
{{- join ", " $missing -}}
{{- end -}}

{{- /* What is inserted for each ${name} in files/rules.yaml, except ${namespaces}. As JSON. */ -}}
{{- define "kuberay-exporter.ruleTokens" -}}
{{- with .Values.prometheusRule -}}
{{- $external := "" }}{{ $matchers := "" }}{{ $values := "" }}{{ $where := "" -}}
{{- range .externalLabels -}}
{{- $external = printf "%s%s, " $external . -}}
{{- $matchers = printf "%s%s=%%q, " $matchers . -}}
{{- $values = printf "%s(index $labels %q) " $values . -}}
{{- $where = printf "%s{{ with $labels.%s }}%s {{ . }}: {{ end }}" $where . . -}}
{{- end -}}
{{- $names := join ", " .externalLabels -}}
{{- $expected := list -}}
{{- range .expectedClusters -}}
{{- $label := required "prometheusRule.expectedClusters needs the label that has their names in prometheusRule.externalLabels" (first $.Values.prometheusRule.externalLabels) -}}
{{- $expected = append $expected (printf "label_replace(vector(1), %q, %q, \"\", \"\")" $label .) -}}
{{- end -}}
{{- $past := printf "group by (%s) (last_over_time(kuberay_exporter_build_info[1d]))" $names -}}
{{- $shards := "kuberay_exporter_total_shards" -}}
{{- $tokens := dict
      "namespace" .namespaceLabel
      "runbookUrl" .runbookUrl
      "job" .job
      "external" $external
      "externalLabels" $names
      "externalMatchers" $matchers
      "externalValues" $values
      "where" $where
      "expectedExporters" (join " or " $expected | default $past)
      "missingShards" (printf "count by (%s) (group by (%sshard) (%s)) < max by (%s) (%s)" $names $external $shards $names $shards)
      "expectedOn" ($expected | empty | ternary $names (first (append .externalLabels ""))) -}}
{{- /* As JSON, because a large number would be rendered as 1e+06. */ -}}
{{- range $name, $value := .thresholds }}{{ $_ := set $tokens $name (toJson $value) }}{{ end -}}
{{- toJson $tokens -}}
{{- end -}}
{{- end -}}

{{- /* (list $text $tokens): the text with the tokens inserted. Without a matcher nothing is left in the braces. */ -}}
{{- define "kuberay-exporter.insert" -}}
{{- $text := first . -}}
{{- range $name, $value := last . }}{{ $text = replace (printf "${%s}" $name) $value $text }}{{ end -}}
{{- $text | replace ", }" "}" | replace "{}" "" -}}
{{- end -}}

{{- /* (list $label $namespaces): matchers of the included and excluded namespaces. */ -}}
{{- define "kuberay-exporter.namespaceMatchers" -}}
{{- $label := first . -}}
{{- with last . -}}
{{- with .include }}{{ $label }}=~'{{ join "|" . }}', {{ end -}}
{{- with .exclude }}{{ $label }}!~'{{ join "|" . }}', {{ end -}}
{{- end -}}
{{- end -}}

{{- /* (list $alert $expr $tokens $labels): the expression with labels of the object, if they are exported. */ -}}
{{- define "kuberay-exporter.withObjectLabels" -}}
{{- $alert := index . 0 }}{{ $expr := index . 1 | trim }}{{ $tokens := index . 2 }}{{ $labels := index . 3 -}}
{{- $kind := regexFind "^Ray(Cluster|Job|Service)" $alert | trimPrefix "Ray" | lower -}}
{{- if and $kind $labels (contains "uid" $expr) -}}
{{- $object := printf "%s%s, uid" $tokens.external $tokens.namespace -}}
(
  {{- $expr | nindent 2 }}
)
* on ({{ $object }}) group_left ({{ join ", " $labels }})
  topk by ({{ $object }}) (1, kuberay_{{ $kind }}_labels)
or on ({{ $object }}) (
  {{- $expr | nindent 2 }}
)
{{- else -}}
{{- $expr -}}
{{- end }}
{{ end -}}

{{- /* (list $rule $values): adds the addresses of the object on the page and of its dashboard to the annotations. */ -}}
{{- define "kuberay-exporter.alertLinks" -}}
{{- $rule := first . }}{{ $values := last . }}{{ $text := $rule.annotations.description -}}
{{- /* The object is named in the description. */ -}}
{{- $kind := regexFind `Ray\w+ \{\{ \$labels\.\$\{namespace\} \}\}/` $text | splitList " " | first -}}
{{- $board := printf "kuberay-%s" (eq $kind "RayCronJob" | ternary "RayJob" $kind) -}}
{{- if contains "{{ $labels.kind }} {{ $labels.${namespace} }}/" $text }}{{ $kind = "{{ $labels.kind }}" }}{{ $board = "kuberay-fleet" }}{{ end -}}
{{- if not $kind }}{{ $board = hasPrefix "KubeRayExporter" $rule.alert | ternary "kuberay-exporter" "kuberay-fleet" }}{{ end -}}
{{- if contains "ErrorBudget" $rule.alert }}{{ $board = "kuberay-slo" }}{{ end -}}
{{- if eq $values.metrics "nine" }}{{ $board = "kuberay-nine" }}{{ end -}}
{{- with $values.prometheusRule.pageUrl -}}
{{- if $kind -}}
{{- $object := printf "&q={{ . }}&open=%s/{{ $labels.${namespace} }}/{{ . }}" $kind -}}
{{- $_ := set $rule.annotations "page_url" (printf "%s/?kind=%s&namespace={{ $labels.${namespace} }}{{ with $labels.name }}%s{{ end }}" (trimSuffix "/" .) $kind $object) -}}
{{- end -}}
{{- end -}}
{{- with $values.prometheusRule.dashboardUrl -}}
{{- $variables := "{{ with $labels.${namespace} }}var-namespace={{ . }}{{ end }}" -}}
{{- if and $kind (ne $kind "RayCronJob") }}{{ $variables = printf "%s{{ with $labels.name }}&var-name={{ . }}{{ end }}" $variables }}{{ end -}}
{{- with $values.prometheusRule.externalLabels }}{{ $variables = printf "%s{{ with $labels.%s }}&var-cluster={{ . }}{{ end }}" $variables (first .) }}{{ end -}}
{{- $_ := set $rule.annotations "dashboard_url" (printf "%s/d/%s?%s" (trimSuffix "/" .) $board $variables) -}}
{{- end -}}
{{- end -}}

{{- /* (list $rule $tokens $): the alert with the values of `prometheusRule.alerts`. As JSON. */ -}}
{{- define "kuberay-exporter.alert" -}}
{{- $rule := index . 0 }}{{ $tokens := index . 1 }}{{ $values := (index . 2).Values.prometheusRule -}}
{{- $own := get $values.alerts $rule.alert | default dict -}}
{{- if and $own.for $rule.for -}}
{{- fail (printf "prometheusRule.alerts.%s.for: this alert's duration is its threshold, prometheusRule.thresholds.%s" $rule.alert (regexFind "\\w+Seconds" $rule.for)) -}}
{{- end -}}
{{- $namespaces := include "kuberay-exporter.namespaceMatchers" (list $values.namespaceLabel ($own.namespaces | default $values.namespaces)) -}}
{{- $tokens = set (deepCopy $tokens) "namespaces" $namespaces -}}
{{- $expr := include "kuberay-exporter.insert" (list $rule.expr $tokens) -}}
{{- $_ := set $rule "expr" (include "kuberay-exporter.withObjectLabels" (list $rule.alert $expr $tokens $values.objectLabels)) -}}
{{- with coalesce $own.for $rule.for }}{{ $_ := set $rule "for" (include "kuberay-exporter.insert" (list . $tokens)) }}{{ end -}}
{{- with $own.severity }}{{ $_ := set $rule.labels "severity" . }}{{ end -}}
{{- $_ := set $rule "labels" (merge $rule.labels (deepCopy ($own.labels | default dict)) $values.labels) -}}
{{- if not $values.runbookUrl }}{{ $_ := unset $rule.annotations "runbook_url" }}{{ end -}}
{{- include "kuberay-exporter.alertLinks" (list $rule (index . 2).Values) -}}
{{- range $name, $text := $rule.annotations -}}
{{- $_ := set $rule.annotations $name (include "kuberay-exporter.insert" (list $text $tokens)) -}}
{{- end -}}
{{- $_ := set $rule "annotations" (mergeOverwrite $rule.annotations (deepCopy ($own.annotations | default dict))) -}}
{{- toJson $rule -}}
{{- end -}}

{{- define "kuberay-exporter.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "kuberay-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- /* The selector of a Deployment is immutable, so that it must not depend on a value. */ -}}
{{- define "kuberay-exporter.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* (list $ $shard): the name of the Deployment of a shard. */ -}}
{{- define "kuberay-exporter.deployment" -}}
{{- $name := include "kuberay-exporter.fullname" (first .) -}}
{{- if gt (int (first .).Values.shards) 1 }}{{ $name = printf "%s-%d" (trunc 59 $name | trimSuffix "-") (last .) }}{{ end -}}
{{- $name -}}
{{- end -}}

{{- /* (list $ $shard): the label that distinguishes the pods of a shard, if there are several. */ -}}
{{- define "kuberay-exporter.component" -}}
{{- if gt (int (first .).Values.shards) 1 }}app.kubernetes.io/component: shard-{{ last . }}{{ end -}}
{{- end -}}

{{- /* (list $ labels…): the chart's labels, replaced by the given ones, replaced by the selector's. */ -}}
{{- define "kuberay-exporter.labels" -}}
{{- $top := first . -}}
{{- $labels := dict -}}
{{- range rest . }}{{ $labels = mergeOverwrite $labels (deepCopy .) }}{{ end -}}
{{- $own := dict
      "helm.sh/chart" (printf "%s-%s" $top.Chart.Name $top.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
      "app.kubernetes.io/version" $top.Chart.AppVersion
      "app.kubernetes.io/managed-by" $top.Release.Service -}}
{{- toYaml (mergeOverwrite $own $labels (include "kuberay-exporter.selector" $top | fromYaml)) -}}
{{- end -}}

{{- define "kuberay-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "kuberay-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is required if serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "kuberay-exporter.image" -}}
{{- with .Values.image -}}
{{- $registry := $.Values.global.imageRegistry | default .registry -}}
{{- with $registry }}{{ . | trimSuffix "/" }}/{{ end }}{{ .repository -}}
{{- if .digest -}}
{{- with .tag }}:{{ . }}{{ end }}@{{ .digest }}
{{- else -}}
:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The pull secrets of the release and of all charts, each once. */ -}}
{{- define "kuberay-exporter.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.imagePullSecrets .Values.global.imagePullSecrets -}}
{{- $names = append $names (kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name")) -}}
{{- end -}}
{{- with uniq $names -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* The kinds that are watched, with commas: of `collectors`, with `metrics: nine` only those that have some. */ -}}
{{- define "kuberay-exporter.collectors" -}}
{{- $kinds := .Values.collectors -}}
{{- $withNine := list -}}
{{- range $kinds }}{{ if has . (list "rayclusters" "rayjobs" "rayservices") }}{{ $withNine = append $withNine . }}{{ end }}{{ end -}}
{{- if eq .Values.metrics "nine" }}{{ $kinds = $withNine }}{{ end -}}
{{- required "metrics: nine needs rayclusters, rayjobs or rayservices in collectors" (join "," $kinds) -}}
{{- end -}}

{{- /* The rules of a role, from the kinds that are watched. */ -}}
{{- define "kuberay-exporter.rules" -}}
{{- $core := list -}}{{- $ray := list -}}{{- $kueue := list -}}
{{- range include "kuberay-exporter.collectors" . | splitList "," -}}
{{- if has . (list "events" "pods") }}{{ $core = append $core . }}
{{- else if eq . "workloads" }}{{ $kueue = append $kueue . }}
{{- else }}{{ $ray = append $ray . }}{{ end -}}
{{- end -}}
{{- range $group, $resources := dict "ray.io" $ray "" $core "kueue.x-k8s.io" $kueue -}}
{{- with $resources }}
- apiGroups: [{{ $group | default "\"\"" }}]
  resources:
    {{- toYaml . | nindent 4 }}
  verbs: [list, watch]
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The flags of `serve` that are values of the chart. Values that would have no effect are refused. */ -}}
{{- define "kuberay-exporter.flags" -}}
{{- $collectors := include "kuberay-exporter.collectors" . -}}
- --collectors={{ $collectors }}
{{- if eq .Values.metrics "nine" }}
- --metrics=nine
{{- range list "metricAllowlist" "metricDenylist" "metricLabelsAllowlist" }}
{{- if get $.Values . }}
{{- fail (printf "%s and metrics: nine exclude each other" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- include "kuberay-exporter.refuseSilenced" . }}
{{- with .Values.watchNamespaces }}
- --watch-namespace={{ join "," . }}
{{- end }}
{{- if and .Values.metricAllowlist .Values.metricDenylist }}
{{- fail "metricAllowlist and metricDenylist exclude each other" }}
{{- end }}
{{- with .Values.metricAllowlist }}
- {{ printf "--metric-allowlist=%s" (join "," .) | quote }}
{{- end }}
{{- with .Values.metricDenylist }}
- {{ printf "--metric-denylist=%s" (join "," .) | quote }}
{{- end }}
{{- $labels := list }}
{{- range $kind, $names := .Values.metricLabelsAllowlist }}
{{- if not (has $kind (append (splitList "," $collectors) "*")) }}
{{- fail (printf "metricLabelsAllowlist.%s has no effect, because collectors does not have %s" $kind $kind) }}
{{- end }}
{{- $labels = append $labels (printf "%s=[%s]" $kind (join "," $names)) }}
{{- end }}
{{- with $labels }}
- {{ printf "--metric-labels-allowlist=%s" (join "," .) | quote }}
{{- end }}
{{- if .Values.logEvents }}
{{- if not (has "events" (splitList "," $collectors)) }}
{{- fail "logEvents has no effect, because collectors does not have events, or metrics is nine" }}
{{- end }}
- --log-events
{{- end }}
{{- if .Values.logJobs }}
{{- if not (has "rayjobs" (splitList "," $collectors)) }}
{{- fail "logJobs has no effect, because collectors does not have rayjobs" }}
{{- end }}
- --log-jobs
{{- end }}
{{- with .Values.objectSeriesLimit }}
- --object-series-limit={{ int64 . }}
{{- end }}
{{- with .Values.webMaxRequests }}
- --web-max-requests={{ int64 . }}
{{- end }}
{{- if .Values.ui.enabled }}
{{- with .Values.ui.clusterName }}
- {{ printf "--cluster-name=%s" . | quote }}
{{- end }}
{{- range $name, $address := .Values.ui.links }}
{{- with $address }}
- {{ printf "--web-link-%s=%s" $name . | quote }}
{{- end }}
{{- end }}
{{- with .Values.prometheusRule.runbookUrl }}
- {{ printf "--web-link-runbook=%s" . | quote }}
{{- end }}
{{- else }}
{{- if or .Values.ui.clusterName (without (values .Values.ui.links) "") }}
{{- fail "ui.clusterName and ui.links have no effect without ui.enabled" }}
{{- end }}
{{- if or .Values.ingress.enabled .Values.httpRoute.enabled }}
{{- fail "ingress and httpRoute are for the page, which needs ui.enabled" }}
{{- end }}
- --no-web-ui
{{- end }}
{{- if and (gt (int .Values.shards) 1) (or .Values.ingress.enabled .Values.httpRoute.enabled) }}
{{- fail "ingress and httpRoute need shards: 1, because the page of each shard has its own namespaces" }}
{{- end }}
{{- if include "kuberay-exporter.webConfig" . }}
- --web-config-file={{ include "kuberay-exporter.webFolder" . }}/web-config.yaml
- --health-probe-bind-address=:8081
{{- end }}
{{- if .Values.metricsAuth.enabled }}
- --metrics-auth=kubernetes
{{- with .Values.metricsAuth.audiences }}
- --metrics-auth-audiences={{ join "," . }}
{{- end }}
{{- else if or .Values.metricsAuth.audiences .Values.metricsAuth.readers }}
{{- fail "metricsAuth.audiences and metricsAuth.readers have no effect without metricsAuth.enabled" }}
{{- end }}
{{- end -}}

{{- /* Where the web configuration is mounted. */ -}}
{{- define "kuberay-exporter.webFolder" -}}/etc/kuberay-exporter/web{{- end -}}

{{- /* The name of the ConfigMap with the web configuration for `webConfig.tlsSecret`. */ -}}
{{- define "kuberay-exporter.webConfigMap" -}}
{{- include "kuberay-exporter.fullname" . | trunc 52 | trimSuffix "-" }}-web-config
{{- end -}}

{{- /* Not empty if there is a web configuration: the probes then have a port of their own, without TLS. */ -}}
{{- define "kuberay-exporter.webConfig" -}}
{{- if and .Values.webConfig.tlsSecret .Values.webConfig.secret }}
{{- fail "webConfig.tlsSecret and webConfig.secret exclude each other" }}
{{- end }}
{{- or .Values.webConfig.tlsSecret .Values.webConfig.secret }}
{{- end -}}

{{- /* The endpoint of a ServiceMonitor or a PodMonitor, from its values. */ -}}
{{- define "kuberay-exporter.endpoint" -}}
port: metrics
path: /metrics
# Without honorLabels the namespace of an object becomes exported_namespace.
honorLabels: true
interval: {{ .interval }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .scheme }}
scheme: {{ . }}
{{- end }}
{{- with .tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .authorization }}
authorization:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .proxyUrl }}
proxyUrl: {{ . | quote }}
{{- end }}
{{- end -}}

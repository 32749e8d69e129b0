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

{{- /* The selector of a Deployment is immutable, so that it must not depend on a value. */ -}}
{{- define "kuberay-exporter.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
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
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The rules of a role, from the kinds in `collectors`. */ -}}
{{- define "kuberay-exporter.rules" -}}
- apiGroups: [ray.io]
  resources:
    {{- toYaml .Values.collectors | nindent 4 }}
  verbs: [list, watch]
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
{{- end -}}

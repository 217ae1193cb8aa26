{{- define "gyre.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "gyre.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gyre.labels" -}}
{{ include "gyre.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "gyre.usersSecret" -}}
{{- .Values.existingUsersSecret | default (printf "%s-users" (include "gyre.name" .)) -}}
{{- end -}}

{{- define "gyre.adminSecret" -}}
{{- .Values.admin.existingSecret | default (printf "%s-admin" (include "gyre.name" .)) -}}
{{- end -}}

{{- define "gyre.hasUsers" -}}
{{- if or .Values.users .Values.existingUsersSecret -}}yes{{- end -}}
{{- end -}}

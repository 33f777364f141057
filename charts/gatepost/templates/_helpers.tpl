{{- define "gatepost.name" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name }}{{- else -}}{{ .Release.Name }}-{{ $name }}{{- end -}}
{{- end }}

{{- define "gatepost.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gatepost.labels" -}}
{{ include "gatepost.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "gatepost.claim" -}}
{{- default (include "gatepost.name" .) .Values.persistence.existingClaim -}}
{{- end }}

{{- /* gatepost.yaml: what the values say, and the listener that the probes ask. */ -}}
{{- define "gatepost.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $server := default dict $config.server -}}
{{- if or (hasKey $server "listen") (hasKey $server "admin_listen") -}}
{{- fail "config.server.listen and admin_listen are fixed: 8080 and 9090" -}}
{{- end -}}
{{- $secrets := list $config -}}
{{- range $config.providers }}{{ $secrets = append $secrets . }}{{ end -}}
{{- with $config.smtp }}{{ $secrets = append $secrets . }}{{ end -}}
{{- range $config.bearer }}{{ with .introspection }}{{ $secrets = append $secrets . }}{{ end }}{{ end -}}
{{- range $secrets -}}
{{- if or (hasKey . "secret") (hasKey . "client_secret") (hasKey . "client_key") (hasKey . "password") -}}
{{- fail "a config map is no place for secrets: put it into existingSecret, and write secret_file, client_secret_file or password_file" -}}
{{- end -}}
{{- end -}}
{{- toYaml (set $config "server" (merge (dict "admin_listen" "0.0.0.0:9090") $server)) -}}
{{- end }}

{{- /* Whether pods share their store. */ -}}
{{- define "gatepost.shared" -}}
{{- if regexMatch "^(redis|rediss|postgresql)://" (default "sqlite" .Values.config.store) }}true{{ end -}}
{{- end }}

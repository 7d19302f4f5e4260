{{/*
What of the values does not go together with what is in the cluster, a sentence in each line. A render that cannot look into the cluster finds nothing.
*/}}
{{- define "odin.clusterProblems" -}}
{{- /* Both operators would stand for one lease, and both APIs would have one set of users. */}}
{{- range default list (lookup "apps/v1" "Deployment" .Release.Namespace "").items }}
{{- $instance := include "odin.releaseOf" . }}
{{- if and $instance (ne $instance $.Release.Name) }}
the release {{ $instance }} is in the namespace {{ $.Release.Namespace }} already: a namespace has one Odin; take another namespace, or upgrade that release.
{{- end }}
{{- end }}
{{- include "odin.rivalProblems" . }}
{{- include "odin.storageProblems" . }}
{{- end -}}

{{/* The release that an object of a chart of ours is of; empty for any other object. */}}
{{- define "odin.releaseOf" -}}
{{- $labels := default dict .metadata.labels }}
{{- if hasPrefix "odin-" (default "" (get $labels "helm.sh/chart")) }}
{{- default "" (get $labels "app.kubernetes.io/instance") }}
{{- end }}
{{- end -}}

{{/* Two operators that run the Pipelines of one namespace. */}}
{{- define "odin.rivalProblems" -}}
{{- $values := .Values }}
{{- $rbac := "rbac.authorization.k8s.io/v1" }}
{{- /* Whoever makes objects of the whole cluster may look at those of others; whoever makes none may not be allowed to. */}}
{{- if or $values.clusterWide $values.crds.install $values.userRoles $values.admissionPolicy.enabled $values.operator.watchNodes }}
{{- range default list (lookup $rbac "ClusterRoleBinding" "" "").items }}
{{- $instance := include "odin.releaseOf" . }}
{{- if and $instance (hasSuffix "-operator" .metadata.name) .subjects }}
{{- $namespace := (first .subjects).namespace }}
{{- if ne (printf "%s/%s" $namespace $instance) (printf "%s/%s" $.Release.Namespace $.Release.Name) }}
the release {{ $instance }} of the namespace {{ $namespace }} has clusterWide=true and runs the Pipelines of this namespace, too: use that one, or upgrade it with clusterWide=false, or uninstall it first.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if $values.clusterWide }}
{{- range default list (lookup $rbac "Role" "" "").items }}
{{- $instance := include "odin.releaseOf" . }}
{{- if and $instance (hasSuffix "-operator-leases" .metadata.name) (ne .metadata.namespace $.Release.Namespace) }}
clusterWide=true beside the release {{ $instance }} of the namespace {{ .metadata.namespace }}: both would run the Pipelines of that namespace; uninstall it first, or set clusterWide=false.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A claim without a class, which waits for ever where none is the default. Whoever brings the definitions may look at the classes. */}}
{{- define "odin.storageProblems" -}}
{{- $values := .Values }}
{{- $name := include "odin.fullname" . }}
{{- $claims := dict }}
{{- if and (eq $values.store.kind "embedded") $values.store.embedded.persistent }}
{{- $_ := set $claims "store.embedded" (list (printf "%s-store" $name) $values.store.embedded) }}
{{- end }}
{{- if and $values.jobs.persistent (not $values.sharedVolume.existingClaim) }}
{{- $_ := set $claims "jobs" (list (printf "%s-jobs" $name) $values.jobs) }}
{{- end }}
{{- $sees := lookup "v1" "ServiceAccount" .Release.Namespace "" }}
{{- if and .Release.IsInstall $values.crds.install $sees }}
{{- $hasDefault := false }}
{{- $classes := list }}
{{- range default list (lookup "storage.k8s.io/v1" "StorageClass" "" "").items }}
{{- $classes = append $classes .metadata.name }}
{{- if eq "true" (default "" (get (default dict .metadata.annotations) "storageclass.kubernetes.io/is-default-class")) }}
{{- $hasDefault = true }}
{{- end }}
{{- end }}
{{- range $value, $claim := $claims }}
{{- $said := index $claim 1 }}
{{- if not (or $hasDefault $said.existingClaim $said.storageClass (lookup "v1" "PersistentVolumeClaim" $.Release.Namespace (index $claim 0))) }}
{{ $value }}.storageClass is not set, and no storage class of this cluster is the default: set it to one of those that there are ({{ default "none" (join ", " $classes) }}), or name a claim of yours in {{ $value }}.existingClaim.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

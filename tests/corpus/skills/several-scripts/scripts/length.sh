printf '%s' "${#1}"

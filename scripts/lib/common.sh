# shellcheck shell=bash
# Helpers that all scripts share: messages, colours, cleanup, and what has to be installed. To be sourced.

# Colours only for a person: a terminal that wants them.
if [[ -t 2 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
	C_RED=$'\e[31m' C_GREEN=$'\e[32m' C_YELLOW=$'\e[33m' C_BOLD=$'\e[1m' C_OFF=$'\e[0m'
else
	C_RED='' C_GREEN='' C_YELLOW='' C_BOLD='' C_OFF=''
fi
export C_RED C_GREEN C_YELLOW C_BOLD C_OFF

# Messages go to stderr: stdout belongs to what a script prints for another program.
note() { printf '%s\n' "${C_BOLD}==>${C_OFF} $*" >&2; }
warn() { printf '%s\n' "${C_YELLOW}warning:${C_OFF} $*" >&2; }
die() {
	printf '%s\n' "${C_RED}error:${C_OFF} $*" >&2
	exit 1
}

# at_exit COMMAND: runs COMMAND when the script ends, however it ends; the last one first.
AT_EXIT=()
at_exit() {
	AT_EXIT+=("$1")
	trap run_at_exit EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}
run_at_exit() {
	local status=$? i
	trap - EXIT
	for ((i = ${#AT_EXIT[@]} - 1; i >= 0; i--)); do
		eval "${AT_EXIT[i]}" || true
	done
	exit "$status"
}

# temporary_directory VARIABLE: a folder that is gone when the script ends.
temporary_directory() {
	local made
	made=$(mktemp -d "${TMPDIR:-/tmp}/lwip_tcp_rust.XXXXXX")
	at_exit "rm -rf -- $(printf '%q' "$made")"
	printf -v "$1" '%s' "$made"
}

# show_help SCRIPT: the comment at the head of a script is its help text.
show_help() {
	awk 'NR > 1 { if ($0 !~ /^#/) exit; sub(/^# ?/, ""); print }' "$1"
}

# How many jobs a build may run at once.
job_count() {
	local jobs=${JOBS:-}
	[[ -n $jobs ]] || jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
	echo "$jobs"
}

# need_packages COMMAND=PACKAGE | FILE=PACKAGE ...: installs the Debian packages whose command or file is missing. Says first what it
# installs; without root it prints the one command that does it and ends.
need_packages() {
	local pair what package missing=()
	for pair in "$@"; do
		what=${pair%%=*} package=${pair#*=}
		if [[ $what == /* ]]; then
			compgen -G "$what" >/dev/null && continue
		else
			command -v -- "$what" >/dev/null && continue
		fi
		[[ " ${missing[*]} " == *" $package "* ]] || missing+=("$package")
	done
	((${#missing[@]} == 0)) && return 0
	command -v apt-get >/dev/null ||
		die "these are missing: ${missing[*]} (names of Debian packages). Install them with your system's package manager."
	if ((EUID != 0)); then
		die "these packages are missing: ${missing[*]}. Run
    sudo apt-get update && sudo apt-get install --yes --no-install-recommends ${missing[*]}
and start this script again."
	fi
	note "installing ${missing[*]}"
	local log
	log=$(mktemp "${TMPDIR:-/tmp}/lwip_tcp_rust.apt.XXXXXX")
	if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "apt-get could not install ${missing[*]}; its whole output is in $log"
	fi
	rm -f -- "$log"
}

# need_rust: a Rust toolchain new enough for the crate (edition 2024).
need_rust() {
	local version minor advice='Install it with rustup (https://rustup.rs), or with your system'\''s packages where they are new enough.'
	# rustup puts cargo where a non-login shell does not look.
	if ! command -v cargo >/dev/null && [[ -x ${CARGO_HOME:-$HOME/.cargo}/bin/cargo ]]; then
		PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
	fi
	command -v cargo >/dev/null || die "cargo is not on PATH: Rust 1.85 or later is needed. $advice"
	version=$(rustc --version 2>/dev/null | awk '{ print $2 }') || true
	[[ $version =~ ^1\.([0-9]+)\. ]] || die "rustc does not run, or says an unknown version (${version:-none}). $advice"
	minor=${BASH_REMATCH[1]}
	((minor >= 85)) || die "rustc is $version, and 1.85 or later is needed. $advice"
}

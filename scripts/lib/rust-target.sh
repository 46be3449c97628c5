# shellcheck shell=bash
# Chooses the Rust toolchain that can build a no_std crate for a bare-metal target. To be sourced.
#
#   rust_target_find TRIPLE        sets, for that target,
#       RUST_TARGET_CARGO          the cargo to call
#       RUST_TARGET_ENV            array of VAR=VALUE that cargo needs in its environment
#       RUST_TARGET_SPEC           what `--target` takes: the triple, or a file that describes it
#       RUST_TARGET_ARGS           array of further arguments for `cargo build` (-Z if core has to be built)
#       RUST_TARGET_NAME           one line for humans: which toolchain this is
#   rust_target_cargo TRIPLE SUBCOMMAND [ARGUMENT…]
#                                  runs cargo that way: rust_target_cargo thumbv7m-none-eabi build --release
#   rust_target_dir TRIPLE DIR     prints where below CARGO_TARGET_DIR=DIR the profiles' folders are
#
# What the functions set is for the script that sources this.
# shellcheck disable=SC2034
#
# RUST_TARGET_TOOLCHAIN=auto|rustup|source|debian (default auto) pins the choice; RUST_TARGET_INSTALL=0 forbids installing.
# Two ways lead to a bare-metal core library: a toolchain that has it ready made (rustup target add), or the library's source
# (rustup component add rust-src, or Debian's rustc-web and rust-web-src), from which cargo builds core along with the crate.
# The second makes smaller code: frame pointers, which the ready-made targets insist on, are left out.

RUST_TARGET_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
RUST_TARGET_PACKAGES=(rustc-web cargo-web rust-web-src)

rust_target_find() {
  local triple=${1:?rust_target_find: name a target triple, for example thumbv7m-none-eabi}
  local choice=${RUST_TARGET_TOOLCHAIN:-auto} install=${RUST_TARGET_INSTALL:-1}
  case $choice in
    auto | rustup | source | debian) ;;
    *)
      echo "error: RUST_TARGET_TOOLCHAIN=$choice: it is rustup, source, debian or auto" >&2
      return 1
      ;;
  esac
  if _rust_target_unknown "$triple"; then
    echo "error: rustc knows no target $triple (rustc --print target-list shows all)" >&2
    return 1
  fi
  if [[ $choice == auto || $choice == rustup ]] && _rust_target_ready_made "$triple"; then return 0; fi
  if [[ $choice == source ]] && _rust_target_from_source "$triple" "${RUSTC:-rustc}" "${CARGO:-cargo}"; then return 0; fi
  if [[ $choice != rustup ]] && _rust_target_debian "$triple"; then return 0; fi
  if [[ $install == 1 && $choice == source ]] && _rust_target_rustup component add rust-src &&
    _rust_target_from_source "$triple" rustc cargo; then
    return 0
  fi
  if [[ $install == 1 && ($choice == auto || $choice == rustup) ]] && _rust_target_rustup target add "$triple" &&
    _rust_target_ready_made "$triple"; then
    return 0
  fi
  if [[ $install == 1 && $choice != rustup ]] && _rust_target_apt_install && _rust_target_debian "$triple"; then
    return 0
  fi
  cat >&2 <<END
error: no Rust toolchain here can build for $triple. Either
    rustup target add $triple
or, for core from its source (RUST_TARGET_TOOLCHAIN=source),
    rustup component add rust-src
or, on Debian (12 or later), as root,
    apt-get install ${RUST_TARGET_PACKAGES[*]}
END
  return 1
}

rust_target_cargo() {
  local triple=$1 subcommand=$2 small=()
  shift 2
  local RUST_TARGET_CARGO RUST_TARGET_NAME RUST_TARGET_SPEC
  local -a RUST_TARGET_ENV RUST_TARGET_ARGS
  rust_target_find "$triple" || return 1
  [[ " $* " == *" --profile release "* || " $* " == *" --release "* ]] && small=(--config "$RUST_TARGET_ROOT/cargo/small.toml")
  env "${RUST_TARGET_ENV[@]}" "$RUST_TARGET_CARGO" "$subcommand" --target "$RUST_TARGET_SPEC" \
    ${RUST_TARGET_ARGS[@]+"${RUST_TARGET_ARGS[@]}"} \
    ${small[@]+"${small[@]}"} "$@"
}

rust_target_dir() {
  printf '%s/%s\n' "${2:?rust_target_dir: name the folder}" "${1:?rust_target_dir: name the target}"
}

# There is a compiler, and it has never heard of the target: nothing that could be installed would help.
_rust_target_unknown() {
  local list
  list=$("${RUSTC:-rustc}" --print target-list 2>/dev/null) || return 1
  ! grep -qxF -- "$1" <<<"$list"
}

# The compiler on PATH (or RUSTC) has a core library for the target.
_rust_target_ready_made() {
  local triple=$1 rustc=${RUSTC:-rustc} folder
  folder=$("$rustc" --print target-libdir --target "$triple" 2>/dev/null) || return 1
  compgen -G "$folder/libcore-*.rlib" >/dev/null || return 1
  RUST_TARGET_CARGO=${CARGO:-cargo}
  # Never empty: bash before 4.4 takes an empty array for an unset variable.
  RUST_TARGET_ENV=("RUSTC=$rustc")
  RUST_TARGET_ARGS=()
  RUST_TARGET_SPEC=$triple
  RUST_TARGET_NAME="$("$rustc" --version), its own core library"
}

# Debian's compiler, called by full path because rustup's shims come first on PATH.
_rust_target_debian() {
  local triple=$1 rustc
  for rustc in /usr/bin/rustc /usr/bin/rustc-web; do
    if _rust_target_from_source "$triple" "$rustc" "${rustc/rustc/cargo}"; then return 0; fi
  done
  return 1
}

# TRIPLE RUSTC CARGO: that compiler has the source of the core library.
_rust_target_from_source() {
  local triple=$1 rustc=$2 cargo=$3 sysroot
  command -v "$rustc" >/dev/null && command -v "$cargo" >/dev/null || return 1
  sysroot=$("$rustc" --print sysroot 2>/dev/null) || return 1
  [[ -f $sysroot/lib/rustlib/src/rust/library/core/src/lib.rs ]] || return 1
  _rust_target_spec "$triple" "$rustc" || return 1
  RUST_TARGET_CARGO=$cargo
  # Building core is an unstable option; RUSTC_BOOTSTRAP lets a release compiler take it.
  RUST_TARGET_ENV=("RUSTC=$rustc" RUSTC_BOOTSTRAP=1)
  RUST_TARGET_ARGS=(-Zbuild-std=core --config "$RUST_TARGET_ROOT/cargo/from-source.toml")
  # Older ones take a target's description without being asked.
  if RUSTC_BOOTSTRAP=1 "$cargo" -Zhelp 2>/dev/null | grep -q json-target-spec; then RUST_TARGET_ARGS+=(-Zjson-target-spec); fi
  RUST_TARGET_NAME="$("$rustc" --version), core built from source"
}

# Sets RUST_TARGET_SPEC: the compiler's own description of the target, but for frame pointers, which cost flash and a register. Its
# file is named as the target is: cargo's folders and TARGET in build scripts stay the same.
_rust_target_spec() {
  local triple=$1 rustc=$2 folder text
  text=$(RUSTC_BOOTSTRAP=1 "$rustc" -Zunstable-options --print target-spec-json --target "$triple" 2>/dev/null) || return 1
  folder=$RUST_TARGET_ROOT/target/specs/$("$rustc" --version | cksum | cut -d' ' -f1)
  mkdir -p "$folder"
  RUST_TARGET_SPEC=$folder/$triple.json
  text=${text/'"frame-pointer": "always"'/'"frame-pointer": "may-omit"'}
  # An unchanged file keeps its date, and what was built with it.
  [[ -f $RUST_TARGET_SPEC && $(<"$RUST_TARGET_SPEC") == "$text" ]] || printf '%s\n' "$text" >"$RUST_TARGET_SPEC"
}

_rust_target_rustup() {
  command -v rustup >/dev/null || return 1
  echo "Installing with rustup $*" >&2
  rustup "$@" >&2 || {
    echo "rustup could not do that; looking for another way" >&2
    return 1
  }
}

_rust_target_apt_install() {
  local -a as_root=()
  command -v apt-get >/dev/null || return 1
  if [[ $(id -u) != 0 ]]; then
    sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  # Names are checked first, so that a release without these packages gets our own message and not apt's.
  apt-cache show "${RUST_TARGET_PACKAGES[@]}" >/dev/null 2>&1 || return 1
  echo "Installing ${RUST_TARGET_PACKAGES[*]}" >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    "${RUST_TARGET_PACKAGES[@]}" >&2
}

# shellcheck shell=bash
# Chooses the Rust toolchain that can build a no_std crate for a bare-metal target. To be sourced.
#
#   rust_target_find TRIPLE        sets, for that target,
#       RUST_TARGET_CARGO          the cargo to call
#       RUST_TARGET_ENV            array of VAR=VALUE that cargo needs in its environment
#       RUST_TARGET_ARGS           array of arguments for `cargo build` (--target and, if core has to be built, -Z)
#       RUST_TARGET_NAME           one line for humans: which toolchain this is
#   rust_target_cargo TRIPLE SUBCOMMAND [ARGUMENT…]
#                                  runs cargo that way: rust_target_cargo thumbv7m-none-eabi build --release
#   rust_target_dir TRIPLE DIR     prints where below CARGO_TARGET_DIR=DIR the profiles' folders are
#
# What the functions set is for the script that sources this.
# shellcheck disable=SC2034
#
# RUST_TARGET_TOOLCHAIN=rustup|debian|auto (default auto) pins the choice; RUST_TARGET_INSTALL=0 forbids installing.
# Two ways lead to a bare-metal core library: a toolchain that has it ready made (rustup target add), or Debian's
# rustc-web with the library's source, from which cargo builds core along with the crate.

RUST_TARGET_PACKAGES=(rustc-web cargo-web rust-web-src)

rust_target_find() {
  local triple=${1:?rust_target_find: name a target triple, for example thumbv7m-none-eabi}
  local choice=${RUST_TARGET_TOOLCHAIN:-auto} install=${RUST_TARGET_INSTALL:-1}
  case $choice in
    auto | rustup | debian) ;;
    *)
      echo "error: RUST_TARGET_TOOLCHAIN=$choice: it is rustup, debian or auto" >&2
      return 1
      ;;
  esac
  if [[ $choice != debian ]] && _rust_target_ready_made "$triple"; then return 0; fi
  if [[ $choice != rustup ]] && _rust_target_from_source "$triple"; then return 0; fi
  if [[ $install == 1 && $choice != debian ]] && _rust_target_rustup_add "$triple" &&
    _rust_target_ready_made "$triple"; then
    return 0
  fi
  if [[ $install == 1 && $choice != rustup ]] && _rust_target_apt_install && _rust_target_from_source "$triple"; then
    return 0
  fi
  cat >&2 <<END
error: no Rust toolchain here can build for $triple. Either
    rustup target add $triple
or, on Debian (12 or later), as root,
    apt-get install ${RUST_TARGET_PACKAGES[*]}
END
  return 1
}

rust_target_cargo() {
  local triple=$1 subcommand=$2
  shift 2
  local RUST_TARGET_CARGO RUST_TARGET_NAME
  local -a RUST_TARGET_ENV RUST_TARGET_ARGS
  rust_target_find "$triple" || return 1
  env "${RUST_TARGET_ENV[@]}" "$RUST_TARGET_CARGO" "$subcommand" "${RUST_TARGET_ARGS[@]}" "$@"
}

rust_target_dir() {
  printf '%s/%s\n' "${2:?rust_target_dir: name the folder}" "${1:?rust_target_dir: name the target}"
}

# The compiler on PATH (or RUSTC) has a core library for the target.
_rust_target_ready_made() {
  local triple=$1 rustc=${RUSTC:-rustc} folder
  folder=$("$rustc" --print target-libdir --target "$triple" 2>/dev/null) || return 1
  compgen -G "$folder/libcore-*.rlib" >/dev/null || return 1
  RUST_TARGET_CARGO=${CARGO:-cargo}
  # Never empty: bash before 4.4 takes an empty array for an unset variable.
  RUST_TARGET_ENV=("RUSTC=$rustc")
  RUST_TARGET_ARGS=(--target "$triple")
  RUST_TARGET_NAME="$("$rustc" --version), its own core library"
}

# Debian's compiler, called by full path because rustup's shims come first on PATH.
_rust_target_from_source() {
  local triple=$1 rustc cargo sysroot
  for rustc in /usr/bin/rustc /usr/bin/rustc-web; do
    cargo=${rustc/rustc/cargo}
    [[ -x $rustc && -x $cargo ]] || continue
    sysroot=$("$rustc" --print sysroot 2>/dev/null) || continue
    [[ -f $sysroot/lib/rustlib/src/rust/library/core/src/lib.rs ]] || continue
    "$rustc" --print cfg --target "$triple" >/dev/null 2>&1 || continue
    RUST_TARGET_CARGO=$cargo
    # Building core is an unstable option; RUSTC_BOOTSTRAP lets a release compiler take it.
    RUST_TARGET_ENV=("RUSTC=$rustc" RUSTC_BOOTSTRAP=1)
    RUST_TARGET_ARGS=(-Zbuild-std=core --target "$triple")
    RUST_TARGET_NAME="$("$rustc" --version), core built from source"
    return 0
  done
  return 1
}

_rust_target_rustup_add() {
  command -v rustup >/dev/null || return 1
  echo "Installing the Rust target $1 (rustup target add $1)" >&2
  rustup target add "$1" >&2 || {
    echo "rustup could not install $1; looking for another way" >&2
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

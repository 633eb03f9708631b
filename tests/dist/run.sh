#!/usr/bin/env bash
# Makes what a user installs without a compiler, in target/dist: the program for x86_64 Linux with glibc 2.17 or
# later, as a Debian package and as an archive, with manual pages, completions and checksums. Both are then
# installed into roots that hold only the packages on which they depend, and judge the sample history there.
#
# It also makes the Python package, as a wheel for manylinux2014, with its bill of materials beside it, and tries it
# in an environment of its own.
#
# Both are built by zig, from pip. DIST=ci makes no wheel (`make python` does), and packs target/release/vtr
# instead, which runs on this system's glibc and later. DIST_MAINTAINER, "Name <address>", is the maintainer that the
# Debian package names; without it, it names root of the machine on which it is installed. It needs dpkg, objdump and
# root (for chroot). A missing tool is a failure, not a skip.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scratch.sh
for tool in dpkg dpkg-deb objdump xz python3; do command -v $tool >/dev/null || fail "$tool is needed"; done
[ "$(id -u)" = 0 ] || fail "the trial in a root of its own needs root"
dist=target/dist
rm -rf $dist/vtr_* $dist/vtr-* $dist/SHA256SUMS
mkdir -p $dist

case "${DIST:-}" in
ci) cp target/release/vtr "$work/vtr" ;;
"")
  [ -x $dist/zig/bin/cargo-zigbuild ] || python3 -m venv $dist/zig
  $dist/zig/bin/pip install --quiet --disable-pip-version-check cargo-zigbuild ziglang 'maturin>=1.10,<2' || fail "pip cannot install zig"
  # cargo-zigbuild calls this in place of cargo, with zig as compiler and linker in its environment. Both builds are in
  # there, because another linker's name would compile every dependency again.
  cat >"$work/cargo" <<'BUILDS'
#!/bin/sh
cargo "$@" || exit
case "$1" in
build)
  unset CARGO
  exec maturin build --release --locked --quiet --target x86_64-unknown-linux-gnu --compatibility manylinux2014 \
    --interpreter python3 --target-dir "$BUILD" --out "$WHEELS"
  ;;
esac
BUILDS
  chmod +x "$work/cargo"
  PATH="$PWD/$dist/zig/bin:$PATH" CARGO="$work/cargo" BUILD="$dist/build" WHEELS="$work/wheel" cargo-zigbuild zigbuild \
    --release --locked --bin vtr --target x86_64-unknown-linux-gnu.2.17 --target-dir $dist/build
  cp $dist/build/x86_64-unknown-linux-gnu/release/vtr "$work/vtr"
  ;;
*) fail "DIST is ci or nothing" ;;
esac
wheels=()
for wheel in "$work"/wheel/vtr-*.whl; do
  [ -e "$wheel" ] || continue
  python3 -m zipfile -e "$wheel" "$work/unpacked"
  bill=$(basename "$wheel" .whl).cyclonedx.json
  cp "$work"/unpacked/vtr-*.dist-info/sboms/*.cyclonedx.json "$dist/$bill"
  cp "$wheel" $dist/
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$wheel"
  "$work/venv/bin/python" -m vtr run jobs/weekly.toml --quiet --out "$work/published" 2>"$work/said" || fail "the wheel: $(cat "$work/said")"
  wheels+=("$(basename "$wheel")" "$bill")
done

# The newest version of glibc that a symbol asks for.
glibc=$(objdump -T "$work/vtr" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -V | tail -n 1)
[ -n "${DIST:-}" ] || [ "$(printf '%s\n2.17\n' "$glibc" | sort -V | tail -n 1)" = 2.17 ] ||
  fail "the program asks for GLIBC_$glibc, which systems with 2.17 lack"
depends="libc6 (>= $glibc)"
packages=(libc6)
# It does not pipe into `grep -q`, which ends at its first match, so that the writer and the pipe fail.
if [[ $(objdump -p "$work/vtr") == *NEEDED*libgcc_s* ]]; then
  depends="$depends, libgcc-s1"
  packages+=(libgcc-s1 gcc-12-base)
fi
version=$("$work/vtr" --version | awk '{print $2}')

# Manual pages of the program and of every verb, and the completions of three shells.
share="$work/deb/usr/share"
mkdir -p "$work/deb/usr/bin" "$share"/{man/man1,bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d,doc/vtr}
install -m 755 "$work/vtr" "$work/deb/usr/bin/vtr"
"$work/vtr" man | gzip -9n >"$share/man/man1/vtr.1.gz"
verbs=$("$work/vtr" --help | awk '/^Commands:/ {on = 1; next} /^[^ ]/ {on = 0} on && /^  [a-z]/ && $1 != "help" {print $1}')
for verb in $verbs; do "$work/vtr" man "$verb" | gzip -9n >"$share/man/man1/vtr-$verb.1.gz"; done
"$work/vtr" completions bash >"$share/bash-completion/completions/vtr"
"$work/vtr" completions zsh >"$share/zsh/vendor-completions/_vtr"
"$work/vtr" completions fish >"$share/fish/vendor_completions.d/vtr.fish"
cp LICENSE "$share/doc/vtr/copyright"
gzip -9nc CHANGELOG.md >"$share/doc/vtr/changelog.gz"

mkdir "$work/deb/DEBIAN"
cat >"$work/deb/DEBIAN/control" <<CONTROL
Package: vtr
Version: $version
Architecture: amd64
Maintainer: ${DIST_MAINTAINER:-vtr package builder <root@localhost>}
Section: utils
Priority: optional
Depends: $depends
Recommends: ca-certificates
Installed-Size: $(du -sk "$work/deb/usr" | cut -f1)
Description: open engine for Valid Tracking Rate
 Judges shipment histories under Amazon's dated rules and publishes tables of
 rates, defects and account health.
CONTROL
# Times are those of the last commit, so that one source gives the same archives.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.lock)}
chmod -R u=rwX,go=rX "$work/deb"
deb=vtr_${version}_amd64.deb archive=vtr-$version-x86_64-linux
dpkg-deb --root-owner-group -Zxz -z1 --build "$work/deb" "$dist/$deb" >/dev/null
mkdir "$work/$archive"
cp -r "$work/deb/usr/bin" "$share" LICENSE README.md CHANGELOG.md "$work/$archive/"
tar --sort=name --mtime=@"$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$work" -cf - "$archive" | xz -1 >"$dist/$archive.tar.xz"
(cd $dist && sha256sum "$deb" "$archive.tar.xz" "${wheels[@]}" >SHA256SUMS)

# A root with the packages that the program depends on, as this system has them, and nothing else.
root() {
  mkdir -p "$1"/{usr/{bin,sbin,lib,lib64},tmp,var/lib/dpkg/{info,updates}}
  for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$1/$folder"; done
  dpkg-query -L "${packages[@]}" | sort -u | while read -r path; do
    [ -d "$path" ] || [ ! -e "$path" ] || echo "${path#/}"
  done >"$1/files"
  tar -C / -cf - -T "$1/files" | tar -C "$1" --keep-directory-symlink -xf -
  dpkg-query -s "${packages[@]}" >"$1/var/lib/dpkg/status"
  for package in "${packages[@]}"; do touch "$1/var/lib/dpkg/info/$package:amd64.list"; done
  cp -r jobs sample_data "$1/"
}
# Judges the sample history in a root and checks what was published.
try() {
  chroot "$1" "$2" run /jobs/weekly.toml >/dev/null 2>"$1/said" || fail "$2 in $3: $(cat "$1/said")"
  chroot "$1" "$2" verify /out/weekly >/dev/null 2>>"$1/said" || fail "$2 in $3: what it published is damaged"
  [[ $(chroot "$1" "$2" health /out/weekly --limit 1 2>>"$1/said") == *"below target"* ]] || fail "$2 in $3: the sample has an account below target"
  echo "$3: $(chroot "$1" "$2" --version) judged the sample history"
}
(cd $dist && sha256sum --check --quiet SHA256SUMS)
root "$work/root-deb"
dpkg --root="$work/root-deb" --log=/dev/null --install "$dist/$deb" >/dev/null
try "$work/root-deb" /usr/bin/vtr "$deb"
for page in vtr vtr-run; do
  [ -s "$work/root-deb/usr/share/man/man1/$page.1.gz" ] || fail "$deb lacks the manual page $page"
done
bash -n "$work/root-deb/usr/share/bash-completion/completions/vtr" || fail "the completions for bash are no script"
root "$work/root-tar"
tar -C "$work/root-tar" -xf "$dist/$archive.tar.xz"
try "$work/root-tar" "/$archive/bin/vtr" "$archive.tar.xz"
echo "needs glibc $glibc or later; $(stat -c %s "$work/vtr") bytes"
(cd $dist && ls -l "$deb" "$archive.tar.xz" "${wheels[@]}" SHA256SUMS)

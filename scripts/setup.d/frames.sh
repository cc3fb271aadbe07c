# The reference frames as PNG: stills of the clips, and photos. tests/expected.json says what the models find on them.
# shellcheck shell=bash

# FRAME CLIP NUMBER
STILLS=(
  "vtest_050 vtest.avi 50"
  "vtest_300 vtest.avi 300"
  "vtest_600 vtest.avi 600"
  "bikes_060 bikes.mp4 60"
  "bikes_200 bikes.mp4 200"
)
PHOTOS=(astronaut chelsea coffee motorcycle_left)

set_up_frames() {
  need clips
  if frames_are_intact; then
    present frames
    return
  fi
  require ffmpeg
  local folder=$TEMPORARY/frames
  mkdir "$folder"
  cut_stills "$folder"
  extract_photos "$folder"
  "$VENV/bin/python" scripts/setup.d/check_frames.py "$folder" tests/expected.json
  rm -rf "$DEPS/frames"
  mv "$folder" "$DEPS/frames"
  sha256sum scripts/setup.d/frames.sh .deps/frames/*.png >"$TEMPORARY/sha256"
  mv "$TEMPORARY/sha256" "$DEPS/frames/.sha256"
  made frames made
}

# A still's bytes depend on ffmpeg's version, so they are compared with what was made here, not with pinned sums. The list of
# sums also holds this file: when it changes, the frames are made again.
frames_are_intact() {
  sha256sum --check --status --strict .deps/frames/.sha256 2>/dev/null
}

# cut_stills FOLDER
cut_stills() {
  local frame clip number
  while read -r frame clip number; do
    ffmpeg -nostdin -v error -i "$DEPS/clips/$clip" -vf "select=eq(n\,$number)" -frames:v 1 -update 1 -pix_fmt rgb24 "$1/$frame.png"
  done < <(printf '%s\n' "${STILLS[@]}")
}

# extract_photos FOLDER: the wheel is used as an archive, so any platform's will do.
extract_photos() {
  local wheel photo
  wheel=$(fetch_wheel scikit-image==0.26.0 \
    scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl \
    74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af \
    --python-version 3.11 --platform manylinux_2_28_x86_64)
  for photo in "${PHOTOS[@]}"; do
    zip_member "$wheel" "skimage/data/$photo.png" "$1/$photo.png"
  done
}

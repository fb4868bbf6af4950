# The work: watch a camera for nearly a second, in real time (-re), and keep the most telling of eight pictures. It waits more than it computes.
set -eu
camera=$(cat "$WORK_ITEM_FILE")
ffmpeg -hide_banner -nostdin -loglevel error -threads 1 -filter_threads 1 -re -readrate_initial_burst 0.001 -i "/work/cameras/$camera.mp4" -vf thumbnail=8 -frames:v 1 -y picture.jpg
cp picture.jpg "/work/pictures/.$WORK_ITEM"
mv "/work/pictures/.$WORK_ITEM" "/work/pictures/$WORK_ITEM.jpg"

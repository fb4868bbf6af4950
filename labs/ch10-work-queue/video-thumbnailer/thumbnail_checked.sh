# The same, for which a film that is there and is no film is hopeless: exit code 65. One that is not there may still come.
set -eu
film=$(cat "$WORK_ITEM_FILE")
if [ -f "/work/films/$film.mp4" ] && ! ffprobe -v error "/work/films/$film.mp4"; then
	exit 65
fi
ffmpeg -hide_banner -nostdin -loglevel error -threads 1 -readrate 10 -readrate_initial_burst 0.001 -i "/work/films/$film.mp4" -vf thumbnail=120,scale=320:-1 -frames:v 1 -y thumb.jpg
cp thumb.jpg "/work/thumbs/.$WORK_ITEM.$WORK_ATTEMPT"
mv "/work/thumbs/.$WORK_ITEM.$WORK_ATTEMPT" "/work/thumbs/$WORK_ITEM.jpg"
echo "$film, $(wc -c < thumb.jpg) bytes"

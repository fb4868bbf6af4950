# The work: an order names a film, and its most telling frame becomes a picture. The picture is put in its place in one step, so that doing it twice is like doing it once.
# The film is read at ten times its speed, as from a drive that is far away: a rush is more than the workers can do, on any machine.
set -eu
film=$(cat "$WORK_ITEM_FILE")
ffmpeg -hide_banner -nostdin -loglevel error -threads 1 -readrate 10 -readrate_initial_burst 0.001 -i "/work/films/$film.mp4" -vf thumbnail=120,scale=320:-1 -frames:v 1 -y thumb.jpg
cp thumb.jpg "/work/thumbs/.$WORK_ITEM.$WORK_ATTEMPT"
mv "/work/thumbs/.$WORK_ITEM.$WORK_ATTEMPT" "/work/thumbs/$WORK_ITEM.jpg"
echo "$film, $(wc -c < thumb.jpg) bytes"

# The second part: what was found becomes a tag of the film, and an entry of the catalogue. The file is put in its place in one step, and the entry has the item's name as its key: twice is like once.
set -eu
film=$(cat "$WORK_ITEM_FILE")
found=$(cat "$WORK_RESULTS/detect")
ffmpeg -hide_banner -nostdin -loglevel error -i "/work/films/$film.mp4" -c copy -metadata comment="$found" -f mp4 -y tagged
/program/ddsctl node fetch --method POST --header "Idempotency-Key: $WORK_ITEM" --body "{\"item\":\"$WORK_ITEM\",\"found\":\"$found\"}" http://catalogue:8080/tags > entry
cp tagged "/work/tagged/.$WORK_ITEM.$WORK_ATTEMPT"
mv "/work/tagged/.$WORK_ITEM.$WORK_ATTEMPT" "/work/tagged/$WORK_ITEM.mp4"
echo "$film, tagged"

# The same, which keeps what it has found: an item that comes again is not looked at again.
set -eu
mkdir -p /work/found
if [ -f "/work/found/$WORK_ITEM" ]; then
	cat "/work/found/$WORK_ITEM"
	exit
fi
film=$(cat "$WORK_ITEM_FILE")
ffmpeg -hide_banner -nostdin -threads 1 -i "/work/films/$film.mp4" -vf blackdetect=d=0.5:pix_th=0.1,scdet=threshold=10 -f null - 2> seen
sed -n -e 's/.*black_start:\([0-9.]*\) black_end:\([0-9.]*\).*/black \1-\2/p' -e 's/.*lavfi.scd.time: \([0-9.]*\).*/cut \1/p' seen | sort | paste -s -d , > found
cp found "/work/found/.$WORK_ITEM.$WORK_ATTEMPT"
mv "/work/found/.$WORK_ITEM.$WORK_ATTEMPT" "/work/found/$WORK_ITEM"
cat found

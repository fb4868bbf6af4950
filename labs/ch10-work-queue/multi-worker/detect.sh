# The first part: where is the film black, and where is it cut? Two filters of ffmpeg look at each picture.
set -eu
film=$(cat "$WORK_ITEM_FILE")
ffmpeg -hide_banner -nostdin -threads 1 -i "/work/films/$film.mp4" -vf blackdetect=d=0.5:pix_th=0.1,scdet=threshold=10 -f null - 2> seen
sed -n -e 's/.*black_start:\([0-9.]*\) black_end:\([0-9.]*\).*/black \1-\2/p' -e 's/.*lavfi.scd.time: \([0-9.]*\).*/cut \1/p' seen | sort | paste -s -d ,

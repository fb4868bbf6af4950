# Eight films of twelve seconds. The last one broke off while it was uploaded.
set -eu
mkdir -p /work/films /work/thumbs
film() {
	ffmpeg -hide_banner -nostdin -loglevel error -threads 1 -f lavfi -i "$2size=640x360:rate=10" -t 12 -c:v mpeg4 -q:v 8 -y "/work/films/$1.mp4"
}
film film-0 testsrc2= & first=$!
film film-1 smptehdbars=
film film-2 life=mold=10:ratio=0.1:death_color=red:life_color=lime:
film film-3 cellauto=rule=110:
wait $first
film film-4 yuvtestsrc= & second=$!
film film-5 rgbtestsrc=
film film-6 sierpinski=
wait $second
head -c 20000 /work/films/film-0.mp4 > /work/films/film-7.mp4

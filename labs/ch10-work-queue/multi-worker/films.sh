# Four films of six seconds: with a black second in the middle, with a cut, with black in the beginning, and all of a piece.
set -eu
mkdir -p /work/films /work/tagged
S=size=320x180:rate=10
film() {
	ffmpeg -hide_banner -nostdin -loglevel error -threads 1 -f lavfi -i "$2" -c:v mpeg4 -q:v 6 -y "/work/films/$1.mp4"
}
film film-0 "testsrc2=$S:duration=3,format=yuv420p[a];color=black:$S:duration=1,format=yuv420p[b];smptebars=$S:duration=2,format=yuv420p[c];[a][b][c]concat=n=3"
film film-1 "testsrc2=$S:duration=4,format=yuv420p[a];rgbtestsrc=$S:duration=2,format=yuv420p[b];[a][b]concat=n=2"
film film-2 "color=black:$S:duration=2,format=yuv420p[a];smptebars=$S:duration=4,format=yuv420p[b];[a][b]concat=n=2"
film film-3 "testsrc2=$S:duration=6,format=yuv420p"

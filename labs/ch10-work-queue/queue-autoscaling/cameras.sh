# What four cameras see: ten pictures a second, for three seconds.
set -eu
mkdir -p /work/cameras /work/pictures
n=0
for look in testsrc2= smptehdbars= rgbtestsrc= life=mold=10:; do
	ffmpeg -hide_banner -nostdin -loglevel error -threads 1 -f lavfi -i "${look}size=160x120:rate=10" -t 3 -c:v mpeg4 -q:v 8 -y "/work/cameras/camera-$n.mp4"
	n=$((n + 1))
done

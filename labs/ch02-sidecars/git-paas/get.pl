# get.pl URL: prints a page. Ends with 1 where it is not answered well, with 2 where nobody answers.
use strict;
use HTTP::Tiny;
my $answer = HTTP::Tiny->new(timeout => 2)->get($ARGV[0]);
print $answer->{content};
exit($answer->{success} ? 0 : $answer->{status} == 599 ? 2 : 1);

# bench: hashes, strings and lists of a Perl program.
use strict;
use warnings;

my $rounds = shift // 6;
my $total = 0;
for my $round (1 .. $rounds) {
    my (%count, @lines);
    for my $i (1 .. 60000) {
        push @lines, join ' ', map { "w" . ($i * $_ % 4999) } 1 .. 5;
    }
    for my $line (@lines) {
        $count{$_}++ for split / /, $line;
    }
    my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
    $total += @top + length join ',', map { "$_=$count{$_}" } @top;
}
print "$total\n";

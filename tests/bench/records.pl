# bench: records, their fields and groups in a Perl program.
use strict;
use warnings;

my $records = shift // 265000;
my (@records, %by_score, %seen);
for my $i (1 .. $records) {
    push @records, {
        id => $i, name => 'user' . ($i * 7919 % 100003), score => $i * 31 % 1009,
        tags => [map { 't' . ($i * $_ % 97) } 1 .. 3],
    };
}
push @{$by_score{$_->{score}}}, $_ for @records;
my $table = '';
for my $record (sort { $a->{score} <=> $b->{score} || $a->{name} cmp $b->{name} } @records) {
    $table .= join("\t", $record->{id}, $record->{name}, @{$record->{tags}}) . "\n";
}
for my $line (split /\n/, $table) {
    my @fields = split /\t/, $line;
    $seen{$fields[1]}++ if $line =~ /^\d+\tuser(\d+)\t/ && $1 % 3;
}
printf "%d %d %d\n", length $table, scalar keys %seen, scalar keys %by_score;

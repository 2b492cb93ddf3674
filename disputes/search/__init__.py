"""Search by number, name, pinyin, phone and words, in the cases that one may read and in what one may read of them."""

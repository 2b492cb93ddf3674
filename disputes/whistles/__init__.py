"""吹哨—响应—支援: several offices are asked at once for help with one case, which stays where it is."""

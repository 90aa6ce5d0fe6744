"""What several scenarios have in hand: wrong bodies, witnesses, intruders."""

"""What can be chosen about faces, without what it takes to find them."""

MAX_YAW = 60.0          # degrees: faces turned further aside than this are left alone

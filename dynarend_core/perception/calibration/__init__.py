"""Where is the camera? Boards, views, hand-eye methods, refinement, and the checks that refuse a wrong answer."""

"""What training may not see, it does not see. Run: python3 photos_test.py"""

import unittest

import photos


class HeldOut(unittest.TestCase):
    def test_by_name(self):
        for name in ("astronaut.png", "data/chelsea.JPG", "Coffee.webp", "a/b/rocket.jpg", "cat.png"):
            self.assertTrue(photos.is_held_out(name, "0" * 64), name)
        self.assertFalse(photos.is_held_out("coffee_beans.jpg", "0" * 64))

    def test_by_hash(self):
        self.assertEqual(len(photos.HELD_OUT_SHA256), 4)
        for sha256 in photos.HELD_OUT_SHA256:
            self.assertTrue(photos.is_held_out("renamed.png", sha256))

    def test_the_loader_refuses_one(self):
        held = {"a-package": {"photos": [{"file": "x/astronaut.png", "sha256": "0" * 64}]}}
        kept, photos.packages = photos.packages, lambda: held
        self.addCleanup(setattr, photos, "packages", kept)
        with self.assertRaises(ValueError):
            list(photos.photos())

    def test_the_list_is_clean(self):
        listed = list(photos.photos())
        self.assertGreater(len(listed), 500)
        self.assertEqual(len({photo["sha256"] for _, photo in listed}), len(listed))
        for package, photo in listed:
            self.assertRegex(photo["sha256"], "^[0-9a-f]{64}$")
            self.assertTrue(photo["licence"], (package, photo["file"]))
            for word in ("-NC", "-ND"):
                self.assertNotIn(word, photo["licence"].upper())


if __name__ == "__main__":
    unittest.main()

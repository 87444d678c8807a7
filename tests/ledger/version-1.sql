-- A diary database as photodiary 6be5054 (24 November 2026), the last of version 1, left it; never to be changed.
BEGIN TRANSACTION;
CREATE TABLE arrivals (
    path BLOB PRIMARY KEY,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    reason TEXT NOT NULL,
    since REAL NOT NULL,
    tries INTEGER NOT NULL,
    next_try REAL NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "arrivals" VALUES(X'6C6174652E6A7067',5,6,7,'truncated',1700000000.0,2,1700000400.0);
CREATE TABLE canvases (
    id INTEGER PRIMARY KEY,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    left_x REAL NOT NULL, left_y REAL NOT NULL, right_x REAL NOT NULL, right_y REAL NOT NULL,
    frozen INTEGER NOT NULL,     -- 0: from the first few photos, may still be chosen again
    source TEXT NOT NULL,        -- auto, or as written in the configuration
    words TEXT NOT NULL,
    made_at REAL NOT NULL
) STRICT;
INSERT INTO "canvases" VALUES(1,1080,1350,400.5,600.0,680.5,600.0,1,'auto','1080 x 1350, the eyes 26 % apart',1700000210.0);
CREATE TABLE files (
    path BLOB PRIMARY KEY,       -- below the inbox
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    photo_id INTEGER NOT NULL REFERENCES photos(id)
) STRICT, WITHOUT ROWID;
INSERT INTO "files" VALUES(X'494D475F31FF2E6A7067',1001,1700000000000000001,42,1);
CREATE TABLE names (
    photo_id INTEGER NOT NULL REFERENCES photos(id),
    name BLOB NOT NULL,          -- bytes as the file system has them
    first_seen REAL NOT NULL,
    PRIMARY KEY (photo_id, name)
) STRICT, WITHOUT ROWID;
INSERT INTO "names" VALUES(1,X'494D475F31FF2E6A7067',1700000001.0);
INSERT INTO "names" VALUES(1,X'6772C3B6C39F6520F09F98802E6A7067',1700000099.0);
INSERT INTO "names" VALUES(2,X'494D475F32FF2E6A7067',1700000002.0);
INSERT INTO "names" VALUES(3,X'494D475F33FF2E6A7067',1700000003.0);
INSERT INTO "names" VALUES(4,X'494D475F34FF2E6A7067',1700000004.0);
INSERT INTO "names" VALUES(5,X'494D475F35FF2E6A7067',1700000005.0);
INSERT INTO "names" VALUES(6,X'494D475F36FF2E6A7067',1700000006.0);
CREATE TABLE notes (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL          -- JSON
) STRICT, WITHOUT ROWID;
INSERT INTO "notes" VALUES('last_scan','1700000280.0');
INSERT INTO "notes" VALUES('model','{"name": "base-2026-11-24"}');
CREATE TABLE photos (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    bytes INTEGER NOT NULL,
    format TEXT,                 -- jpeg, png; NULL when it could not be read
    width INTEGER, height INTEGER,   -- upright, pixels
    taken_wall TEXT,             -- wall clock, ISO, no offset
    taken_offset_s INTEGER,      -- UTC offset, NULL when unknown
    taken_utc REAL,              -- breaks ties only
    taken_from TEXT,
    received_at REAL NOT NULL,
    original TEXT,               -- below the archive; NULL when quarantined before it was copied
    stage TEXT NOT NULL,
    doubtful INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    sighting_id INTEGER REFERENCES sightings(id),   -- the current one
    frame TEXT,                  -- below the archive
    matrix TEXT,                 -- JSON, upright photo to canvas
    canvas_id INTEGER REFERENCES canvases(id),
    framed_at REAL,
    frame_bytes INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    next_try REAL NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "photos" VALUES(1,'6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b',1001,'jpeg',3000,4000,'2024-05-02T08:30:00.250000',7200,1700086400.0,'exif',1700000001.0,'originals/2024/1.jpg','aligned',0,NULL,1,'frames/2024/1.jpg','[[0.46, 0.01, -60.0], [-0.01, 0.46, -80.0]]',1,1700000220.0,54322,0,0,0.0);
INSERT INTO "photos" VALUES(2,'d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35',1002,'jpeg',3000,4000,'2024-05-03T08:30:00',NULL,1700172800.0,'exif',1700000002.0,'originals/2024/2.jpg','located',0,NULL,4,'frames/2024/2.jpg','[[0.46, 0.01, -60.0], [-0.01, 0.46, -80.0]]',1,1700000220.0,54323,0,0,0.0);
INSERT INTO "photos" VALUES(3,'4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce',1003,'jpeg',3000,4000,'2024-05-04T08:30:00',7200,1700259200.0,'exif',1700000003.0,'originals/2024/3.jpg','excluded',0,'no_face',3,NULL,NULL,NULL,NULL,NULL,0,0,0.0);
INSERT INTO "photos" VALUES(4,'4b227777d4dd1fc61c6f884f48641d02b4d121d3fd328cb08b5531fcacdabf8a',1004,'jpeg',3000,4000,'2024-05-05T08:30:00',NULL,1700345600.0,'exif',1700000004.0,'originals/2024/4.jpg','received',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,1,1700000310.0);
INSERT INTO "photos" VALUES(5,'ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d',1005,'jpeg',3000,4000,NULL,NULL,NULL,NULL,1700000005.0,'originals/2024/5.jpg','undated',0,'undated',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0.0);
INSERT INTO "photos" VALUES(6,'e7f6c011776e8db7cd330b54174fd76f7d0216b612387a5ffcfb81e6f0919683',1006,'jpeg',3000,4000,'2024-05-07T08:30:00',NULL,1700518400.0,'exif',1700000006.0,'originals/2024/6.jpg','quarantined',0,'damaged',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0.0);
CREATE TABLE reels (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    frames INTEGER NOT NULL,
    seconds REAL NOT NULL,
    fingerprint TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    rendered_at REAL NOT NULL
) STRICT;
INSERT INTO "reels" VALUES(1,'films/latest.mp4',2,0.2,'abababababababababababababababababababababababababababababababab',12345,1700000290.0);
CREATE TABLE sightings (
    id INTEGER PRIMARY KEY,
    photo_id INTEGER NOT NULL REFERENCES photos(id),
    by TEXT NOT NULL,
    left_x REAL, left_y REAL, right_x REAL, right_y REAL,
    expected_error REAL,
    reason TEXT,
    faces INTEGER NOT NULL,
    made_at REAL NOT NULL
) STRICT;
INSERT INTO "sightings" VALUES(1,1,'base-2026-11-24',1001.25,1500.5,1600.13,1489.75,1.25,NULL,1,1700000200.0);
INSERT INTO "sightings" VALUES(2,2,'base-2026-11-24',1002.25,1500.5,1600.13,1488.75,7.5,'several_faces',3,1700000201.0);
INSERT INTO "sightings" VALUES(3,3,'base-2026-11-24',NULL,NULL,NULL,NULL,NULL,'no_face',0,1700000202.0);
INSERT INTO "sightings" VALUES(4,2,'placed',1009.25,1500.5,1600.13,1481.75,NULL,NULL,1,1700000230.0);
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    photo_id INTEGER NOT NULL REFERENCES photos(id),
    kind TEXT NOT NULL,
    value TEXT,
    made_at REAL NOT NULL
) STRICT;
INSERT INTO "verdicts" VALUES(1,3,'excluded',NULL,1700000240.0);
CREATE TABLE wishes (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    details TEXT NOT NULL,       -- JSON
    made_at REAL NOT NULL,
    progress TEXT,               -- JSON, written while it is being fulfilled
    done_at REAL,
    outcome TEXT                 -- JSON
) STRICT;
INSERT INTO "wishes" VALUES(1,'import','{"paths": ["/a b"]}',1700000250.0,NULL,1700000260.0,'{"new": 6}');
INSERT INTO "wishes" VALUES(2,'render','{}',1700000270.0,NULL,NULL,NULL);
CREATE INDEX photos_work ON photos (stage, next_try, id);
CREATE INDEX photos_order ON photos (taken_wall, taken_utc, sha256);
CREATE INDEX sightings_photo ON sightings (photo_id, id);
CREATE TRIGGER sightings_stay BEFORE UPDATE ON sightings BEGIN SELECT RAISE(ABORT, 'sightings are append-only'); END;
CREATE TRIGGER verdicts_stay BEFORE UPDATE ON verdicts BEGIN SELECT RAISE(ABORT, 'verdicts are append-only'); END;
COMMIT;
PRAGMA user_version=1;

BEGIN TRANSACTION;
CREATE TABLE access_log (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	who VARCHAR(200) NOT NULL, 
	user_id INTEGER, 
	token_id INTEGER, 
	role VARCHAR(200) NOT NULL, 
	action VARCHAR(200) NOT NULL, 
	incident_id VARCHAR(200) NOT NULL, 
	name VARCHAR(200), 
	purpose VARCHAR(500), 
	client VARCHAR(200), 
	CONSTRAINT pk_access_log PRIMARY KEY (id), 
	CONSTRAINT fk_access_log_incident_id_incidents FOREIGN KEY(incident_id) REFERENCES incidents (id), 
	CONSTRAINT fk_access_log_token_id_tokens FOREIGN KEY(token_id) REFERENCES tokens (id), 
	CONSTRAINT fk_access_log_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO "access_log" VALUES(1,'2026-11-26 05:08:38.835198','anna',1,NULL,'reviewer','view','confirmed','snapshot-alarm.jpg','review','127.0.0.1');
INSERT INTO "access_log" VALUES(2,'2026-11-26 05:08:38.934046','olga',2,NULL,'officer','download','confirmed',NULL,'罚款 2026/17','127.0.0.1');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE cameras (
	id VARCHAR(200) NOT NULL, 
	registered_at DATETIME NOT NULL, 
	CONSTRAINT pk_cameras PRIMARY KEY (id)
);
INSERT INTO "cameras" VALUES('gate-3','2026-11-26 05:08:38.582509');
INSERT INTO "cameras" VALUES('yard','2026-11-26 05:08:38.598072');
CREATE TABLE evidence_files (
	incident_id VARCHAR(200) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	media_type VARCHAR(200) NOT NULL, 
	received_at DATETIME NOT NULL, 
	token_id INTEGER, 
	CONSTRAINT pk_evidence_files PRIMARY KEY (incident_id, name), 
	CONSTRAINT fk_evidence_files_incident_id_incidents FOREIGN KEY(incident_id) REFERENCES incidents (id), 
	CONSTRAINT fk_evidence_files_token_id_tokens FOREIGN KEY(token_id) REFERENCES tokens (id)
);
INSERT INTO "evidence_files" VALUES('confirmed','snapshot-alarm.jpg','bfaf06d48c0b24c12559f18a4f0f92a42dad049233c03d5bb48309d78fad4bcb',54,'image/jpeg','2026-11-26 05:08:38.699641',1);
CREATE TABLE incident_revisions (
	incident_id VARCHAR(200) NOT NULL, 
	revision INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	body TEXT NOT NULL, 
	received_at DATETIME NOT NULL, 
	token_id INTEGER, 
	CONSTRAINT pk_incident_revisions PRIMARY KEY (incident_id, revision), 
	CONSTRAINT fk_incident_revisions_incident_id_incidents FOREIGN KEY(incident_id) REFERENCES incidents (id), 
	CONSTRAINT fk_incident_revisions_token_id_tokens FOREIGN KEY(token_id) REFERENCES tokens (id)
);
INSERT INTO "incident_revisions" VALUES('waiting',1,'9d6f57c529170df69f6e431e565de857af9d8f7ce8d9fe24182ffa6aea61a41b','{"box":[0.3,0.4,0.6,0.8],"camera":"gate-3","confirmed_at":"2026-03-02T08:01:00Z","dwell_s":60.0,"evidence":[{"end_at":"2026-03-02T08:00:00Z","kind":"snapshot","name":"snapshot-alarm.jpg","sha256":"bfaf06d48c0b24c12559f18a4f0f92a42dad049233c03d5bb48309d78fad4bcb","start_at":"2026-03-02T08:00:00Z"}],"id":"waiting","onset_at":"2026-03-02T08:00:00Z","revision":1,"schema":1,"score":0.9,"state":"confirmed","type":"illegal_parking","why":{"dwell_s":60.0,"looks":31,"looks_seen":30,"summary":"A car stood 60 s of 60 s allowed."},"zone":"kerb"}','2026-11-26 05:08:38.582509',1);
INSERT INTO "incident_revisions" VALUES('confirmed',1,'9e6bafa6c10f85e1ea74d9870853ea515c7a4899860a5569d74ce803e94d69c5','{"box":[0.3,0.4,0.6,0.8],"camera":"gate-3","confirmed_at":"2026-03-02T08:01:00Z","dwell_s":60.0,"evidence":[{"end_at":"2026-03-02T08:00:00Z","kind":"snapshot","name":"snapshot-alarm.jpg","sha256":"bfaf06d48c0b24c12559f18a4f0f92a42dad049233c03d5bb48309d78fad4bcb","start_at":"2026-03-02T08:00:00Z"}],"id":"confirmed","onset_at":"2026-03-02T08:00:00Z","revision":1,"schema":1,"score":0.9,"state":"confirmed","type":"illegal_parking","why":{"dwell_s":60.0,"looks":31,"looks_seen":30,"summary":"A car stood 60 s of 60 s allowed."},"zone":"kerb"}','2026-11-26 05:08:38.592301',1);
INSERT INTO "incident_revisions" VALUES('rejected',1,'d423b503356976482f7f24abecd334a36a2b0e125c855fa469c1240cd54d8e89','{"box":[0.3,0.4,0.6,0.8],"camera":"yard","confirmed_at":"2026-03-02T08:01:00Z","dwell_s":60.0,"evidence":[{"end_at":"2026-03-02T08:00:00Z","kind":"snapshot","name":"snapshot-alarm.jpg","sha256":"bfaf06d48c0b24c12559f18a4f0f92a42dad049233c03d5bb48309d78fad4bcb","start_at":"2026-03-02T08:00:00Z"}],"id":"rejected","onset_at":"2026-03-02T08:00:00Z","revision":1,"schema":1,"score":0.9,"state":"confirmed","type":"illegal_parking","why":{"dwell_s":60.0,"looks":31,"looks_seen":30,"summary":"A car stood 60 s of 60 s allowed."},"zone":"kerb"}','2026-11-26 05:08:38.598072',1);
INSERT INTO "incident_revisions" VALUES('changed',1,'6e38554843a2d2706c79f0fbe34e281494e72f20cf21d19b233d9e8ffdc68c93','{"box":[0.3,0.4,0.6,0.8],"camera":"gate-3","confirmed_at":"2026-03-02T08:01:00Z","dwell_s":60.0,"evidence":[{"end_at":"2026-03-02T08:00:00Z","kind":"snapshot","name":"snapshot-alarm.jpg","sha256":"bfaf06d48c0b24c12559f18a4f0f92a42dad049233c03d5bb48309d78fad4bcb","start_at":"2026-03-02T08:00:00Z"}],"id":"changed","onset_at":"2026-03-02T08:00:00Z","revision":1,"schema":1,"score":0.9,"state":"confirmed","type":"illegal_parking","why":{"dwell_s":60.0,"looks":31,"looks_seen":30,"summary":"A car stood 60 s of 60 s allowed."},"zone":"kerb"}','2026-11-26 05:08:38.604455',1);
INSERT INTO "incident_revisions" VALUES('candidate',1,'dc4a356eed289c1c73f31b13d68822704e94960852cbe5f145c6a082169b9781','{"box":[0.3,0.4,0.6,0.8],"camera":"gate-3","confirmed_at":null,"dwell_s":60.0,"evidence":[{"end_at":"2026-03-02T08:00:00Z","kind":"snapshot","name":"snapshot-alarm.jpg","sha256":"bfaf06d48c0b24c12559f18a4f0f92a42dad049233c03d5bb48309d78fad4bcb","start_at":"2026-03-02T08:00:00Z"}],"id":"candidate","onset_at":"2026-03-02T08:00:00Z","revision":1,"schema":1,"score":0.9,"state":"candidate","type":"illegal_parking","why":{"dwell_s":60.0,"looks":31,"looks_seen":30,"summary":"A car stood 60 s of 60 s allowed."},"zone":"kerb"}','2026-11-26 05:08:38.614787',1);
INSERT INTO "incident_revisions" VALUES('confirmed',2,'5435ffa73dd846b0e822dad30f8e267d5d48c2ae8a663adcc9cd4c481ef6a81b','{"box":[0.3,0.4,0.6,0.8],"camera":"gate-3","confirmed_at":"2026-03-02T08:01:00Z","dwell_s":60.0,"ended_at":"2026-03-02T08:09:00Z","evidence":[{"end_at":"2026-03-02T08:00:00Z","kind":"snapshot","name":"snapshot-alarm.jpg","sha256":"bfaf06d48c0b24c12559f18a4f0f92a42dad049233c03d5bb48309d78fad4bcb","start_at":"2026-03-02T08:00:00Z"}],"id":"confirmed","onset_at":"2026-03-02T08:00:00Z","revision":2,"schema":1,"score":0.9,"state":"ended","type":"illegal_parking","why":{"dwell_s":60.0,"looks":31,"looks_seen":30,"summary":"A car stood 60 s of 60 s allowed."},"zone":"kerb"}','2026-11-26 05:08:38.636533',1);
CREATE TABLE incidents (
	id VARCHAR(200) NOT NULL, 
	camera_id VARCHAR(200) NOT NULL, 
	zone VARCHAR(200) NOT NULL, 
	type VARCHAR(200) NOT NULL, 
	state VARCHAR(200) NOT NULL, 
	revision INTEGER NOT NULL, 
	listed_at DATETIME NOT NULL, 
	urgency DOUBLE NOT NULL, 
	verdict VARCHAR(200), 
	received_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_incidents PRIMARY KEY (id), 
	CONSTRAINT fk_incidents_camera_id_cameras FOREIGN KEY(camera_id) REFERENCES cameras (id)
);
INSERT INTO "incidents" VALUES('waiting','gate-3','kerb','illegal_parking','confirmed',1,'2026-03-02 08:01:00.000000',10.9,NULL,'2026-11-26 05:08:38.582509','2026-11-26 05:08:38.582509');
INSERT INTO "incidents" VALUES('confirmed','gate-3','kerb','illegal_parking','ended',2,'2026-03-02 08:01:00.000000',3.75293250129808120263e+00,'confirm','2026-11-26 05:08:38.592301','2026-11-26 05:08:38.718734');
INSERT INTO "incidents" VALUES('rejected','yard','kerb','illegal_parking','confirmed',1,'2026-03-02 08:01:00.000000',10.9,'reject','2026-11-26 05:08:38.598072','2026-11-26 05:08:38.747237');
INSERT INTO "incidents" VALUES('changed','gate-3','kerb','illegal_parking','confirmed',1,'2026-03-02 08:01:00.000000',10.9,'reject','2026-11-26 05:08:38.604455','2026-11-26 05:08:38.812360');
INSERT INTO "incidents" VALUES('candidate','gate-3','kerb','illegal_parking','candidate',1,'2026-03-02 08:00:00.000000',0.9,NULL,'2026-11-26 05:08:38.614787','2026-11-26 05:08:38.614787');
CREATE TABLE reviews (
	id INTEGER NOT NULL, 
	incident_id VARCHAR(200) NOT NULL, 
	revision INTEGER NOT NULL, 
	verdict VARCHAR(200) NOT NULL, 
	reason VARCHAR(200), 
	note TEXT, 
	user_id INTEGER NOT NULL, 
	user_name VARCHAR(200) NOT NULL, 
	reviewed_at DATETIME NOT NULL, 
	CONSTRAINT pk_reviews PRIMARY KEY (id), 
	CONSTRAINT fk_reviews_incident_id_incidents FOREIGN KEY(incident_id) REFERENCES incidents (id), 
	CONSTRAINT fk_reviews_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO "reviews" VALUES(1,'confirmed',2,'confirm',NULL,'车牌清楚',1,'anna','2026-11-26 05:08:38.718734');
INSERT INTO "reviews" VALUES(2,'rejected',1,'reject','loading',NULL,1,'anna','2026-11-26 05:08:38.747237');
INSERT INTO "reviews" VALUES(3,'changed',1,'confirm',NULL,NULL,1,'anna','2026-11-26 05:08:38.766845');
INSERT INTO "reviews" VALUES(4,'changed',1,'confirm',NULL,NULL,2,'olga','2026-11-26 05:08:38.790084');
INSERT INTO "reviews" VALUES(5,'changed',1,'reject','permitted',NULL,2,'olga','2026-11-26 05:08:38.812360');
CREATE TABLE sign_in_failures (
	name VARCHAR(200) NOT NULL, 
	count INTEGER NOT NULL, 
	last_at DATETIME NOT NULL, 
	CONSTRAINT pk_sign_in_failures PRIMARY KEY (name)
);
INSERT INTO "sign_in_failures" VALUES('anna',1,'2026-11-26 05:08:39.115391');
CREATE TABLE token_cameras (
	token_id INTEGER NOT NULL, 
	camera_id VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_token_cameras PRIMARY KEY (token_id, camera_id), 
	CONSTRAINT fk_token_cameras_token_id_tokens FOREIGN KEY(token_id) REFERENCES tokens (id) ON DELETE CASCADE
);
INSERT INTO "token_cameras" VALUES(1,'gate-3');
INSERT INTO "token_cameras" VALUES(1,'yard');
CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	secret_sha256 VARCHAR(64) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	role VARCHAR(200) NOT NULL, 
	user_id INTEGER, 
	created_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_tokens_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_tokens_secret_sha256 UNIQUE (secret_sha256)
);
INSERT INTO "tokens" VALUES(1,'143f5b63cf6a23704d05b654efad14b770312b405d8693dd25047b6475d8bf95','worker-1','worker',NULL,'2026-11-26 05:08:36.174277',NULL);
CREATE TABLE user_sessions (
	secret_sha256 VARCHAR(64) NOT NULL, 
	user_id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_user_sessions PRIMARY KEY (secret_sha256), 
	CONSTRAINT fk_user_sessions_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO "user_sessions" VALUES('04110e7d3765cd431b4eac0ea39761b887c048116682b81a39f6141c81461ac3',1,'2026-11-26 05:08:37.468949','2026-11-26 17:08:37.468949');
INSERT INTO "user_sessions" VALUES('b88e2ea870cdca03dac7627b6f9fa0c61cb6622e8c900eb6ce445c40d12210d2',2,'2026-11-26 05:08:38.560255','2026-11-26 17:08:38.560255');
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	role VARCHAR(200) NOT NULL, 
	password_hash VARCHAR(500) NOT NULL, 
	must_change_password BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	disabled_at DATETIME, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_name UNIQUE (name)
);
INSERT INTO "users" VALUES(1,'anna','reviewer','no password fits',1,'2026-11-26 05:08:36.843508',NULL);
INSERT INTO "users" VALUES(2,'olga','officer','no password fits',1,'2026-11-26 05:08:37.995141',NULL);
CREATE INDEX ix_incidents_camera_id_listed_at ON incidents (camera_id, listed_at);
CREATE INDEX ix_incidents_listed_at_id ON incidents (listed_at, id);
CREATE INDEX ix_incidents_verdict_urgency_id ON incidents (verdict, urgency, id);
CREATE INDEX ix_user_sessions_user_id ON user_sessions (user_id);
CREATE INDEX ix_access_log_at ON access_log (at);
CREATE INDEX ix_access_log_incident_id ON access_log (incident_id);
CREATE INDEX ix_evidence_files_sha256 ON evidence_files (sha256);
CREATE INDEX ix_reviews_incident_id ON reviews (incident_id);
COMMIT;

BEGIN TRANSACTION;
CREATE TABLE event_digests (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        document_type TEXT NOT NULL,
        step TEXT NOT NULL,
        outcome TEXT NOT NULL,
        count BIGINT NOT NULL,
        request_ids TEXT NOT NULL,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        emitted_at BIGINT
    );
CREATE TABLE form_526_document_submissions (
        id INTEGER PRIMARY KEY,
        lighthouse_request_id BIGINT NOT NULL UNIQUE,
        form_526_submission_id TEXT NOT NULL,
        form_attachment_id TEXT,
        document_type TEXT NOT NULL CHECK (document_type IN
            ('veteran_upload', 'form_0781', 'form_0781a', 'bdd_instructions')),
        tracked_at BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        lighthouse_status TEXT NOT NULL,
        condition TEXT NOT NULL,
        reported_status TEXT,
        steps TEXT NOT NULL,
        current_step TEXT NOT NULL,
        failed_step TEXT,
        error_detail TEXT,
        in_efolder_at BIGINT,
        lighthouse_started_at BIGINT,
        lighthouse_ended_at BIGINT,
        last_polled_at BIGINT,
        last_answered_at BIGINT,
        next_poll_at BIGINT,
        not_found_since BIGINT,
        decided_at BIGINT,
        trouble_count INTEGER NOT NULL,
        unanswered_since BIGINT,
        must_act_since BIGINT,
        judged_at BIGINT,
        last_answer TEXT,
        last_problem TEXT,
        acknowledged_at BIGINT,
        acknowledged_by TEXT,
        acknowledged_reason TEXT,
        CHECK (CASE lighthouse_status WHEN 'done' THEN TRUE WHEN 'failed' THEN TRUE
            WHEN 'pending' THEN next_poll_at IS NOT NULL OR condition = 'closed'
            ELSE FALSE END)
    );
INSERT INTO "form_526_document_submissions" VALUES(1,1,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','waiting',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(2,2,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','slow',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(3,3,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','slow',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(4,4,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','stuck',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(5,5,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','stuck',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(6,6,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','overdue',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(7,7,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','overdue',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(8,8,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','not_found',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(9,9,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','not_found',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(10,10,'s-1',NULL,'form_0781',1800000000000,1800000000000,'done','delivered',NULL,'{}','complete',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,NULL,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(11,11,'s-1',NULL,'form_0781',1800000000000,1800000000000,'done','delivered',NULL,'{}','complete',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,NULL,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(12,12,'s-1',NULL,'form_0781',1800000000000,1800000000000,'done','contradictory',NULL,'{}','complete',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,NULL,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(13,13,'s-1',NULL,'form_0781',1800000000000,1800000000000,'done','contradictory',NULL,'{}','complete',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,NULL,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(14,14,'s-1',NULL,'form_0781',1800000000000,1800000000000,'failed','not_in_efolder',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(15,15,'s-1',NULL,'form_0781',1800000000000,1800000000000,'failed','not_in_efolder',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(16,16,'s-1',NULL,'form_0781',1800000000000,1800000000000,'failed','in_efolder',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(17,17,'s-1',NULL,'form_0781',1800000000000,1800000000000,'failed','in_efolder',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(18,18,'s-1',NULL,'form_0781',1800000000000,1800000000000,'failed','efolder_unknown',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(19,19,'s-1',NULL,'form_0781',1800000000000,1800000000000,'failed','efolder_unknown',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,1800000000000,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(20,20,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','acknowledged',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(21,21,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','acknowledged',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(22,22,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','closed',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(23,23,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','closed',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(24,24,'s-1',NULL,'form_0781',1800000000000,1800000000000,'pending','waiting',NULL,'{}','CLAIMS_EVIDENCE',NULL,NULL,NULL,NULL,NULL,1800000000000,NULL,1800003600000,NULL,NULL,0,NULL,NULL,NULL,'{"status": "an answer"}',NULL,NULL,NULL,NULL);
CREATE TABLE lightkeeper_schema (version INTEGER NOT NULL, written_at BIGINT);
INSERT INTO "lightkeeper_schema" VALUES(1,NULL);
CREATE TABLE open_words (tag TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (tag, word));
CREATE TABLE tallies (
        document_type TEXT NOT NULL,
        lighthouse_status TEXT NOT NULL,
        step TEXT NOT NULL,
        condition TEXT NOT NULL,
        count BIGINT NOT NULL,
        PRIMARY KEY (document_type, lighthouse_status, step, condition)
    );
INSERT INTO "tallies" VALUES('form_0781','pending','none','waiting',0);
INSERT INTO "tallies" VALUES('form_0781','done','complete','contradictory',2);
INSERT INTO "tallies" VALUES('form_0781','done','complete','delivered',2);
INSERT INTO "tallies" VALUES('form_0781','failed','CLAIMS_EVIDENCE','efolder_unknown',2);
INSERT INTO "tallies" VALUES('form_0781','failed','CLAIMS_EVIDENCE','in_efolder',2);
INSERT INTO "tallies" VALUES('form_0781','failed','CLAIMS_EVIDENCE','not_in_efolder',2);
INSERT INTO "tallies" VALUES('form_0781','pending','CLAIMS_EVIDENCE','acknowledged',2);
INSERT INTO "tallies" VALUES('form_0781','pending','CLAIMS_EVIDENCE','closed',2);
INSERT INTO "tallies" VALUES('form_0781','pending','CLAIMS_EVIDENCE','not_found',2);
INSERT INTO "tallies" VALUES('form_0781','pending','CLAIMS_EVIDENCE','overdue',2);
INSERT INTO "tallies" VALUES('form_0781','pending','CLAIMS_EVIDENCE','slow',2);
INSERT INTO "tallies" VALUES('form_0781','pending','CLAIMS_EVIDENCE','stuck',2);
INSERT INTO "tallies" VALUES('form_0781','pending','CLAIMS_EVIDENCE','waiting',2);
CREATE TABLE transitions (
        id INTEGER PRIMARY KEY,
        document_id BIGINT NOT NULL REFERENCES form_526_document_submissions (id),
        at BIGINT NOT NULL,
        from_status TEXT NOT NULL,
        to_status TEXT NOT NULL,
        from_step TEXT NOT NULL,
        to_step TEXT NOT NULL,
        outcome TEXT,
        step_changes TEXT NOT NULL,
        remarks TEXT NOT NULL,
        processing_ms BIGINT,
        detection_ms BIGINT,
        emitted_at BIGINT
    );
INSERT INTO "transitions" VALUES(1,24,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(2,23,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(3,22,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(4,21,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(5,20,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(6,19,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(7,18,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(8,17,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(9,16,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(10,15,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(11,14,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(12,13,1800000000000,'pending','done','none','complete','done','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(13,12,1800000000000,'pending','done','none','complete','done','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(14,11,1800000000000,'pending','done','none','complete','done','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(15,10,1800000000000,'pending','done','none','complete','done','[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(16,9,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(17,8,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(18,7,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(19,6,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(20,5,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(21,1,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(22,2,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(23,3,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
INSERT INTO "transitions" VALUES(24,4,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[]','[]',NULL,NULL,NULL);
CREATE INDEX documents_due ON form_526_document_submissions (next_poll_at, id)
        WHERE next_poll_at IS NOT NULL
    ;
CREATE INDEX documents_pending
        ON form_526_document_submissions (document_type, current_step, tracked_at)
        WHERE lighthouse_status = 'pending' AND condition NOT IN ('acknowledged', 'closed')
    ;
CREATE INDEX documents_unanswered ON form_526_document_submissions (unanswered_since)
        WHERE unanswered_since IS NOT NULL AND lighthouse_status = 'pending'
            AND condition NOT IN ('acknowledged', 'closed')
    ;
CREATE INDEX documents_failed ON form_526_document_submissions (decided_at)
        WHERE lighthouse_status = 'failed' AND condition NOT IN ('acknowledged', 'closed')
    ;
CREATE INDEX documents_taken_up ON form_526_document_submissions (acknowledged_at)
        WHERE acknowledged_at IS NOT NULL
    ;
CREATE INDEX documents_of_submission ON form_526_document_submissions (form_526_submission_id)
    ;
CREATE INDEX transitions_of_document ON transitions (document_id);
CREATE INDEX transitions_untold ON transitions (id) WHERE emitted_at IS NULL;
CREATE UNIQUE INDEX event_digests_unsent ON event_digests (kind, document_type, step, outcome)
        WHERE emitted_at IS NULL
    ;
CREATE INDEX event_digests_sent
        ON event_digests (kind, document_type, step, outcome, emitted_at)
        WHERE emitted_at IS NOT NULL
    ;
COMMIT;

BEGIN TRANSACTION;
CREATE TABLE audit_log (
        id INTEGER PRIMARY KEY,
        at BIGINT NOT NULL,
        who TEXT NOT NULL,
        action TEXT NOT NULL,
        what TEXT NOT NULL
    );
INSERT INTO "audit_log" VALUES(1,1800000000000,'on-call','acknowledged','request id 600000003: seen to');
INSERT INTO "audit_log" VALUES(2,1800000000000,'vets-api','expected','submission s-1: 2 form_0781');
INSERT INTO "audit_log" VALUES(3,1800000000000,'jane','announced','maintenance window 1: upgrade');
CREATE TABLE event_digests (
        name TEXT NOT NULL,
        document_type TEXT NOT NULL,
        step TEXT NOT NULL,
        outcome TEXT NOT NULL,
        document_count BIGINT NOT NULL,
        request_ids TEXT NOT NULL,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        sent_at BIGINT,
        PRIMARY KEY (name, document_type, step, outcome)
    );
INSERT INTO "event_digests" VALUES('lightkeeper.document','form_0781','complete','done',0,'[600000016,600000023,600000024,600000025]',1800086400000,1800086400000,1800086400000);
INSERT INTO "event_digests" VALUES('lightkeeper.step','form_0781','claims_evidence','success',0,'[600000021,600000022,600000023,600000024,600000025]',1800086400000,1800086400000,1800086400000);
INSERT INTO "event_digests" VALUES('lightkeeper.step','form_0781','benefits_gateway_service','success',0,'[600000016,600000021,600000022,600000023,600000024,600000025]',1800086400000,1800086400000,1800086400000);
INSERT INTO "event_digests" VALUES('lightkeeper.document','form_0781','claims_evidence','failed',0,'[600000003,600000004,600000021,600000022]',1800000000000,1800000000000,1800000000000);
INSERT INTO "event_digests" VALUES('lightkeeper.step','form_0781','claims_evidence','failed',0,'[600000003,600000004,600000021,600000022]',1800000000000,1800000000000,1800000000000);
INSERT INTO "event_digests" VALUES('lightkeeper.document','form_0781','benefits_gateway_service','failed',0,'[600000005,600000006]',1800000000000,1800000000000,1800000000000);
INSERT INTO "event_digests" VALUES('lightkeeper.step','form_0781','benefits_gateway_service','failed',0,'[600000005,600000006,600000009,600000010]',1800000000000,1800000000000,1800000000000);
INSERT INTO "event_digests" VALUES('lightkeeper.document','form_0781','unknown','failed',0,'[600000007,600000008]',1800000000000,1800000000000,1800000000000);
INSERT INTO "event_digests" VALUES('lightkeeper.step','form_0781','virus_scan','success',0,'[600000013,600000014]',1800000000000,1800000000000,1800000000000);
INSERT INTO "event_digests" VALUES('lightkeeper.step','form_0781','claims_evidence','in_progress',0,'[600000017,600000018]',1800000000000,1800000000000,1800000000000);
INSERT INTO "event_digests" VALUES('lightkeeper.step','form_0781','benefits_gateway_service','in_progress',0,'[600000019,600000020]',1800000000000,1800000000000,1800000000000);
INSERT INTO "event_digests" VALUES('lightkeeper.document','form_0781','complete','recovered',0,'[600000021,600000022]',1800086400000,1800086400000,1800086400000);
CREATE TABLE expected_documents (
        form_526_submission_id TEXT NOT NULL,
        document_type TEXT NOT NULL CHECK (document_type IN
            ('veteran_upload', 'form_0781', 'form_0781a', 'bdd_instructions')),
        document_count BIGINT NOT NULL CHECK (document_count > 0),
        missing_count BIGINT NOT NULL CHECK (missing_count BETWEEN 0 AND document_count),
        expected_at BIGINT NOT NULL,
        expected_by TEXT NOT NULL,
        settled_at BIGINT,
        settled_by TEXT,
        settled_reason TEXT,
        PRIMARY KEY (form_526_submission_id, document_type)
    );
INSERT INTO "expected_documents" VALUES('s-1','form_0781',2,2,1800000000000,'vets-api',NULL,NULL,NULL);
CREATE TABLE followed_up_to (
        source TEXT NOT NULL PRIMARY KEY,
        created_at BIGINT NOT NULL,
        taken_from BIGINT,
        followed_at BIGINT
    );
INSERT INTO "followed_up_to" VALUES('vets-api',1800000000000,0,NULL);
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
        first_tracked_at BIGINT,
        last_answer TEXT,
        last_problem TEXT,
        acknowledged_at BIGINT,
        acknowledged_by TEXT,
        acknowledged_reason TEXT,
        CHECK (CASE lighthouse_status WHEN 'done' THEN TRUE WHEN 'failed' THEN TRUE
            WHEN 'pending' THEN next_poll_at IS NOT NULL OR condition = 'closed'
            ELSE FALSE END)
    );
INSERT INTO "form_526_document_submissions" VALUES(1,600000001,'s-600000001','a','form_0781',1799999940000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800000000000,1799999940000,1799999958193,1800000000000,1800000000000,NULL,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(2,600000002,'s-600000002','a','form_0781',1799999940000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800000000000,1799999940000,1799999956570,1800000000000,1800000000000,NULL,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(3,600000003,'s-600000003','a','form_0781',1799999940000,1800000000000,'failed','acknowledged','FAILED','{"CLAIMS_EVIDENCE":"FAILED","BENEFITS_GATEWAY_SERVICE":"NOT_STARTED"}','CLAIMS_EVIDENCE','CLAIMS_EVIDENCE','Workflow maximum step attempts exceeded for the current step',NULL,1799999940000,1799999953550,1800086400000,1800086400000,1800172800000,NULL,1800000000000,0,NULL,1800000000000,1800000000000,NULL,'{"requestId":600000003,"time":{"startTime":1799999940000,"endTime":1799999953550},"status":"FAILED","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"FAILED"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"NOT_STARTED"}],"error":{"detail":"Workflow maximum step attempts exceeded for the current step","step":"CLAIMS_EVIDENCE"}}',NULL,1800000000000,'on-call','seen to');
INSERT INTO "form_526_document_submissions" VALUES(4,600000004,'s-600000004','a','form_0781',1799999940000,1800000000000,'failed','not_in_efolder','FAILED','{"CLAIMS_EVIDENCE":"FAILED","BENEFITS_GATEWAY_SERVICE":"NOT_STARTED"}','CLAIMS_EVIDENCE','CLAIMS_EVIDENCE','Workflow maximum step attempts exceeded for the current step',NULL,1799999940000,1799999952405,1800086400000,1800086400000,1800172800000,NULL,1800000000000,0,NULL,1800000000000,1800000000000,NULL,'{"requestId":600000004,"time":{"startTime":1799999940000,"endTime":1799999952405},"status":"FAILED","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"FAILED"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"NOT_STARTED"}],"error":{"detail":"Workflow maximum step attempts exceeded for the current step","step":"CLAIMS_EVIDENCE"}}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(5,600000005,'s-600000005','a','form_0781',1799999940000,1800000000000,'failed','in_efolder','FAILED','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"FAILED"}','BENEFITS_GATEWAY_SERVICE','BENEFITS_GATEWAY_SERVICE','Workflow maximum step attempts exceeded for the current step',1800000000000,1799999940000,1799999959703,1800086400000,1800086400000,1800172800000,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,'{"requestId":600000005,"time":{"startTime":1799999940000,"endTime":1799999959703},"status":"FAILED","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"SUCCESS"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"FAILED"}],"error":{"detail":"Workflow maximum step attempts exceeded for the current step","step":"BENEFITS_GATEWAY_SERVICE"}}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(6,600000006,'s-600000006','a','form_0781',1799999940000,1800000000000,'failed','in_efolder','FAILED','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"FAILED"}','BENEFITS_GATEWAY_SERVICE','BENEFITS_GATEWAY_SERVICE','Workflow maximum step attempts exceeded for the current step',1800000000000,1799999940000,1799999962948,1800086400000,1800086400000,1800172800000,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,'{"requestId":600000006,"time":{"startTime":1799999940000,"endTime":1799999962948},"status":"FAILED","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"SUCCESS"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"FAILED"}],"error":{"detail":"Workflow maximum step attempts exceeded for the current step","step":"BENEFITS_GATEWAY_SERVICE"}}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(7,600000007,'s-600000007','a','form_0781',1799999940000,1800000000000,'failed','efolder_unknown','FAILED','{"CLAIMS_EVIDENCE":"NOT_STARTED","BENEFITS_GATEWAY_SERVICE":"NOT_STARTED"}','unknown',NULL,NULL,NULL,1799999940000,1799999948975,1800086400000,1800086400000,1800172800000,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,'{"requestId":600000007,"time":{"startTime":1799999940000,"endTime":1799999948975},"status":"FAILED","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"NOT_STARTED"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"NOT_STARTED"}]}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(8,600000008,'s-600000008','a','form_0781',1799999940000,1800000000000,'failed','efolder_unknown','FAILED','{"CLAIMS_EVIDENCE":"NOT_STARTED","BENEFITS_GATEWAY_SERVICE":"NOT_STARTED"}','unknown',NULL,NULL,NULL,1799999940000,1799999948116,1800086400000,1800086400000,1800172800000,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,'{"requestId":600000008,"time":{"startTime":1799999940000,"endTime":1799999948116},"status":"FAILED","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"NOT_STARTED"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"NOT_STARTED"}]}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(9,600000009,'s-600000009','a','form_0781',1799999940000,1800000000000,'done','contradictory','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"FAILED"}','complete',NULL,NULL,1800000000000,1799999940000,1799999957957,1800000000000,1800000000000,NULL,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,'{"requestId":600000009,"time":{"startTime":1799999940000,"endTime":1799999957957},"status":"SUCCESS","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"SUCCESS"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"FAILED"}]}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(10,600000010,'s-600000010','a','form_0781',1799999940000,1800000000000,'done','contradictory','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"FAILED"}','complete',NULL,NULL,1800000000000,1799999940000,1799999956333,1800000000000,1800000000000,NULL,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,'{"requestId":600000010,"time":{"startTime":1799999940000,"endTime":1799999956333},"status":"SUCCESS","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"SUCCESS"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"FAILED"}]}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(11,600000011,'s-600000011','a','form_0781',1799999940000,1800000000000,'pending','not_found',NULL,'{}','none',NULL,NULL,NULL,NULL,NULL,1800086400000,1800086400000,1800108000000,1800000000000,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(12,600000012,'s-600000012','a','form_0781',1799999940000,1800000000000,'pending','not_found',NULL,'{}','none',NULL,NULL,NULL,NULL,NULL,1800086400000,1800086400000,1800108000000,1800000000000,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(13,600000013,'s-600000013','a','form_0781',1799999940000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","VIRUS_SCAN":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800000000000,1799999940000,1799999959410,1800000000000,1800000000000,NULL,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(14,600000014,'s-600000014','a','form_0781',1799999940000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","VIRUS_SCAN":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800000000000,1799999940000,1799999962655,1800000000000,1800000000000,NULL,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(15,600000015,'s-600000015','a','form_0781',1799999940000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800000000000,1799999940000,1799999999000,1800000000000,1800000000000,NULL,NULL,1800000000000,0,NULL,NULL,1800000000000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(16,600000016,'s-600000016','a','form_0781',1799999940000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800000000000,1799999940000,1800000008271,1800086400000,1800086400000,NULL,NULL,1800086400000,0,NULL,NULL,1800086400000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(17,600000017,'s-600000017','a','form_0781',1799892000000,1800000000000,'pending','stuck','IN_PROGRESS','{"CLAIMS_EVIDENCE":"IN_PROGRESS","BENEFITS_GATEWAY_SERVICE":"NOT_STARTED"}','CLAIMS_EVIDENCE',NULL,NULL,NULL,1799892000000,NULL,1800086400000,1800086400000,1800090000000,NULL,NULL,0,NULL,NULL,1800086400000,NULL,'{"requestId":600000017,"time":{"startTime":1799892000000},"status":"IN_PROGRESS","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"IN_PROGRESS"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"NOT_STARTED"}]}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(18,600000018,'s-600000018','a','form_0781',1799892000000,1800000000000,'pending','stuck','IN_PROGRESS','{"CLAIMS_EVIDENCE":"IN_PROGRESS","BENEFITS_GATEWAY_SERVICE":"NOT_STARTED"}','CLAIMS_EVIDENCE',NULL,NULL,NULL,1799892000000,NULL,1800086400000,1800086400000,1800090000000,NULL,NULL,0,NULL,NULL,1800086400000,NULL,'{"requestId":600000018,"time":{"startTime":1799892000000},"status":"IN_PROGRESS","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"IN_PROGRESS"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"NOT_STARTED"}]}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(19,600000019,'s-600000019','a','form_0781',1799784000000,1800000000000,'pending','stuck','IN_PROGRESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"IN_PROGRESS"}','BENEFITS_GATEWAY_SERVICE',NULL,NULL,1800000000000,1799784000000,NULL,1800086400000,1800086400000,1800090000000,NULL,NULL,0,NULL,NULL,NULL,NULL,'{"requestId":600000019,"time":{"startTime":1799784000000},"status":"IN_PROGRESS","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"SUCCESS"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"IN_PROGRESS"}]}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(20,600000020,'s-600000020','a','form_0781',1799784000000,1800000000000,'pending','stuck','IN_PROGRESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"IN_PROGRESS"}','BENEFITS_GATEWAY_SERVICE',NULL,NULL,1800000000000,1799784000000,NULL,1800086400000,1800086400000,1800090000000,NULL,NULL,0,NULL,NULL,NULL,NULL,'{"requestId":600000020,"time":{"startTime":1799784000000},"status":"IN_PROGRESS","steps":[{"name":"CLAIMS_EVIDENCE","nextStepName":"BENEFITS_GATEWAY_SERVICE","description":"Stores the document in Claims Evidence","status":"SUCCESS"},{"name":"BENEFITS_GATEWAY_SERVICE","description":"Tells the Benefits Gateway Service of the document","status":"IN_PROGRESS"}]}',NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(21,600000021,'s-600000021','a','form_0781',1799999880000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800086400000,1799999880000,1800000153120,1800086400000,1800086400000,NULL,NULL,1800086400000,0,NULL,1800000000000,1800000000000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(22,600000022,'s-600000022','a','form_0781',1799999880000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800086400000,1799999880000,1800000199472,1800086400000,1800086400000,NULL,NULL,1800086400000,0,NULL,1800000000000,1800000000000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(23,600000023,'s-600000023','a','form_0781',1800000000000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800086400000,1800000000000,1800000000000,1800086400000,1800086400000,NULL,NULL,1800086400000,0,NULL,NULL,1800086400000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(24,600000024,'s-600000024','a','form_0781',1800000000000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800086400000,1800000000000,1800000000000,1800086400000,1800086400000,NULL,NULL,1800086400000,0,NULL,NULL,1800086400000,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "form_526_document_submissions" VALUES(25,600000025,'s-600000025','a','form_0781',1800000000000,1800000000000,'done','delivered','SUCCESS','{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}','complete',NULL,NULL,1800086400000,1800000000000,1800000000000,1800086400000,1800086400000,NULL,NULL,1800086400000,0,NULL,NULL,1800086400000,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE lightkeeper_schema (version INTEGER NOT NULL, written_at BIGINT);
INSERT INTO "lightkeeper_schema" VALUES(1,1800086400000);
CREATE TABLE maintenance_windows (
        id INTEGER PRIMARY KEY,
        starts_at BIGINT NOT NULL,
        ends_at BIGINT NOT NULL CHECK (ends_at > starts_at),
        step_names TEXT NOT NULL,
        reason TEXT NOT NULL,
        announced_by TEXT NOT NULL,
        announced_at BIGINT NOT NULL,
        ended_at BIGINT,
        ended_by TEXT,
        va_id TEXT UNIQUE
    );
INSERT INTO "maintenance_windows" VALUES(1,1800000000000,1800086400000,'["COMPLETE"]','upgrade','jane',1800000000000,NULL,NULL,NULL);
CREATE TABLE open_words (tag TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (tag, word));
INSERT INTO "open_words" VALUES('step','virus_scan');
INSERT INTO "open_words" VALUES('word','virus_scan');
INSERT INTO "open_words" VALUES('word','paused');
CREATE TABLE published_up_to (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO "published_up_to" VALUES('tracked',25);
CREATE TABLE tallies (
        document_type TEXT NOT NULL,
        lighthouse_status TEXT NOT NULL,
        step TEXT NOT NULL,
        condition TEXT NOT NULL,
        count BIGINT NOT NULL,
        ended_well_at BIGINT,
        PRIMARY KEY (document_type, lighthouse_status, step, condition)
    );
INSERT INTO "tallies" VALUES('form_0781','pending','none','waiting',0,NULL);
INSERT INTO "tallies" VALUES('form_0781','done','complete','contradictory',2,1800000000000);
INSERT INTO "tallies" VALUES('form_0781','done','complete','delivered',11,1800086400000);
INSERT INTO "tallies" VALUES('form_0781','failed','BENEFITS_GATEWAY_SERVICE','in_efolder',2,NULL);
INSERT INTO "tallies" VALUES('form_0781','failed','CLAIMS_EVIDENCE','not_in_efolder',1,NULL);
INSERT INTO "tallies" VALUES('form_0781','failed','unknown','efolder_unknown',2,NULL);
INSERT INTO "tallies" VALUES('form_0781','pending','BENEFITS_GATEWAY_SERVICE','stuck',2,NULL);
INSERT INTO "tallies" VALUES('form_0781','pending','BENEFITS_GATEWAY_SERVICE','waiting',0,NULL);
INSERT INTO "tallies" VALUES('form_0781','pending','CLAIMS_EVIDENCE','slow',0,NULL);
INSERT INTO "tallies" VALUES('form_0781','pending','none','not_found',2,NULL);
INSERT INTO "tallies" VALUES('form_0781','failed','CLAIMS_EVIDENCE','acknowledged',1,NULL);
INSERT INTO "tallies" VALUES('form_0781','pending','CLAIMS_EVIDENCE','stuck',2,NULL);
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
        published_at BIGINT
    );
INSERT INTO "transitions" VALUES(1,1,1800000000000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[["slo_met",null]]',18193,41807,1800000000000);
INSERT INTO "transitions" VALUES(2,2,1800000000000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[["slo_met",null]]',16570,43430,1800000000000);
INSERT INTO "transitions" VALUES(3,3,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[["CLAIMS_EVIDENCE","FAILED"]]','[["veteran_must_act",null],["slo_missed","efolder"]]',13550,46450,1800000000000);
INSERT INTO "transitions" VALUES(4,4,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[["CLAIMS_EVIDENCE","FAILED"]]','[["veteran_must_act",null],["slo_missed","efolder"]]',12405,47595,1800000000000);
INSERT INTO "transitions" VALUES(5,5,1800000000000,'pending','failed','none','BENEFITS_GATEWAY_SERVICE','failed','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","FAILED"]]','[["slo_met",null]]',19703,40297,1800000000000);
INSERT INTO "transitions" VALUES(6,6,1800000000000,'pending','failed','none','BENEFITS_GATEWAY_SERVICE','failed','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","FAILED"]]','[["slo_met",null]]',22948,37052,1800000000000);
INSERT INTO "transitions" VALUES(7,7,1800000000000,'pending','failed','none','unknown','failed','[]','[["slo_missed","efolder"]]',8975,51025,1800000000000);
INSERT INTO "transitions" VALUES(8,8,1800000000000,'pending','failed','none','unknown','failed','[]','[["slo_missed","efolder"]]',8116,51884,1800000000000);
INSERT INTO "transitions" VALUES(9,9,1800000000000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","FAILED"]]','[["contradictory",null],["slo_met",null]]',17957,42043,1800000000000);
INSERT INTO "transitions" VALUES(10,10,1800000000000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","FAILED"]]','[["contradictory",null],["slo_met",null]]',16333,43667,1800000000000);
INSERT INTO "transitions" VALUES(11,11,1800000000000,'pending','pending','none','none',NULL,'[]','[["not_found",null]]',NULL,NULL,1800000000000);
INSERT INTO "transitions" VALUES(12,12,1800000000000,'pending','pending','none','none',NULL,'[]','[["not_found",null]]',NULL,NULL,1800000000000);
INSERT INTO "transitions" VALUES(13,13,1800000000000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["VIRUS_SCAN","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[["unknown_step","VIRUS_SCAN"],["slo_met",null]]',19410,40590,1800000000000);
INSERT INTO "transitions" VALUES(14,14,1800000000000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["VIRUS_SCAN","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[["unknown_step","VIRUS_SCAN"],["slo_met",null]]',22655,37345,1800000000000);
INSERT INTO "transitions" VALUES(15,15,1800000000000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[["slo_met",null]]',59000,1000,1800000000000);
INSERT INTO "transitions" VALUES(16,16,1800000000000,'pending','pending','none','BENEFITS_GATEWAY_SERVICE',NULL,'[["CLAIMS_EVIDENCE","SUCCESS"]]','[["unknown_status","PAUSED"]]',NULL,NULL,1800000000000);
INSERT INTO "transitions" VALUES(17,17,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[["CLAIMS_EVIDENCE","IN_PROGRESS"]]','[]',NULL,NULL,1800000000000);
INSERT INTO "transitions" VALUES(18,18,1800000000000,'pending','pending','none','CLAIMS_EVIDENCE',NULL,'[["CLAIMS_EVIDENCE","IN_PROGRESS"]]','[]',NULL,NULL,1800000000000);
INSERT INTO "transitions" VALUES(19,19,1800000000000,'pending','pending','none','BENEFITS_GATEWAY_SERVICE',NULL,'[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","IN_PROGRESS"]]','[]',NULL,NULL,1800000000000);
INSERT INTO "transitions" VALUES(20,20,1800000000000,'pending','pending','none','BENEFITS_GATEWAY_SERVICE',NULL,'[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","IN_PROGRESS"]]','[]',NULL,NULL,1800000000000);
INSERT INTO "transitions" VALUES(21,21,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[["CLAIMS_EVIDENCE","FAILED"]]','[["veteran_must_act",null],["slo_missed","efolder"]]',10924,109076,1800000000000);
INSERT INTO "transitions" VALUES(22,22,1800000000000,'pending','failed','none','CLAIMS_EVIDENCE','failed','[["CLAIMS_EVIDENCE","FAILED"]]','[["veteran_must_act",null],["slo_missed","efolder"]]',12778,107222,1800000000000);
INSERT INTO "transitions" VALUES(23,3,1800000000000,'failed','failed','CLAIMS_EVIDENCE','CLAIMS_EVIDENCE',NULL,'[]','[["acknowledged","on-call: seen to"]]',NULL,NULL,1800000000000);
INSERT INTO "transitions" VALUES(24,16,1800086400000,'pending','done','BENEFITS_GATEWAY_SERVICE','complete','done','[["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[["slo_missed","detection"]]',68271,86391729,1800086400000);
INSERT INTO "transitions" VALUES(25,17,1800086400000,'pending','pending','CLAIMS_EVIDENCE','CLAIMS_EVIDENCE',NULL,'[]','[["slo_missed","outcome"],["slo_missed","efolder"],["slo_missed","detection"]]',NULL,NULL,1800086400000);
INSERT INTO "transitions" VALUES(26,18,1800086400000,'pending','pending','CLAIMS_EVIDENCE','CLAIMS_EVIDENCE',NULL,'[]','[["slo_missed","outcome"],["slo_missed","efolder"],["slo_missed","detection"]]',NULL,NULL,1800086400000);
INSERT INTO "transitions" VALUES(27,21,1800086400000,'failed','done','CLAIMS_EVIDENCE','complete','recovered','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[]',273120,86246880,1800086400000);
INSERT INTO "transitions" VALUES(28,22,1800086400000,'failed','done','CLAIMS_EVIDENCE','complete','recovered','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[]',319472,86200528,1800086400000);
INSERT INTO "transitions" VALUES(29,23,1800086400000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[["slo_missed","detection"]]',0,86400000,1800086400000);
INSERT INTO "transitions" VALUES(30,24,1800086400000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[["slo_missed","detection"]]',0,86400000,1800086400000);
INSERT INTO "transitions" VALUES(31,25,1800086400000,'pending','done','none','complete','done','[["CLAIMS_EVIDENCE","SUCCESS"],["BENEFITS_GATEWAY_SERVICE","SUCCESS"]]','[["slo_missed","detection"]]',0,86400000,1800086400000);
CREATE TABLE waiting_uploads (
        source TEXT NOT NULL,
        row_id BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        reason TEXT,
        settled_at BIGINT,
        PRIMARY KEY (source, row_id)
    );
INSERT INTO "waiting_uploads" VALUES('vets-api',7,1800000000000,NULL,NULL);
INSERT INTO "waiting_uploads" VALUES('vets-api',8,1800000000000,'wrong',NULL);
CREATE TABLE wanted_polls (
        document_id BIGINT NOT NULL PRIMARY KEY,
        asked_at BIGINT NOT NULL,
        asked_by TEXT NOT NULL
    );
INSERT INTO "wanted_polls" VALUES(3,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(4,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(5,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(6,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(7,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(8,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(11,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(12,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(17,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(18,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(19,1800086400000,'');
INSERT INTO "wanted_polls" VALUES(20,1800086400000,'');
CREATE INDEX documents_due ON form_526_document_submissions (next_poll_at, id)
        WHERE next_poll_at IS NOT NULL
    ;
CREATE INDEX documents_pending
        ON form_526_document_submissions (document_type, current_step,
            COALESCE(first_tracked_at, tracked_at))
        WHERE lighthouse_status = 'pending'
            AND condition NOT IN ('acknowledged', 'closed', 'superseded')
    ;
CREATE INDEX documents_unanswered ON form_526_document_submissions (unanswered_since)
        WHERE unanswered_since IS NOT NULL AND lighthouse_status = 'pending'
            AND condition NOT IN ('acknowledged', 'closed', 'superseded')
    ;
CREATE INDEX documents_failed ON form_526_document_submissions (decided_at)
        WHERE lighthouse_status = 'failed'
            AND condition NOT IN ('acknowledged', 'closed', 'superseded')
    ;
CREATE INDEX documents_lost
        ON form_526_document_submissions (form_526_submission_id, condition)
        WHERE condition IN ('not_in_efolder', 'efolder_unknown')
    ;
CREATE INDEX documents_acknowledged ON form_526_document_submissions (acknowledged_at)
        WHERE acknowledged_at IS NOT NULL
    ;
CREATE INDEX documents_of_submission
        ON form_526_document_submissions (form_526_submission_id, form_attachment_id)
    ;
CREATE INDEX transitions_of_document ON transitions (document_id);
CREATE INDEX transitions_unpublished ON transitions (id) WHERE published_at IS NULL;
CREATE INDEX expected_missing ON expected_documents (expected_at)
        WHERE missing_count > 0 AND settled_at IS NULL
    ;
CREATE INDEX audit_log_at ON audit_log (at, id);
COMMIT;

"""vets-api's table of uploads, as its migrations leave it."""

CREATE = """
    CREATE TABLE lighthouse526_document_uploads (
        id BIGSERIAL PRIMARY KEY,
        form526_submission_id BIGINT NOT NULL,
        form_attachment_id BIGINT,
        lighthouse_document_request_id VARCHAR,
        aasm_state VARCHAR,
        document_type VARCHAR,
        lighthouse_processing_started_at TIMESTAMP,
        lighthouse_processing_ended_at TIMESTAMP,
        status_last_polled_at TIMESTAMP,
        error_message JSONB,
        last_status_response JSONB,
        created_at {kind} NOT NULL,
        updated_at TIMESTAMP
    )
"""
"""With `kind`, the type of `created_at`, filled in."""

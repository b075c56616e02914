/**
 * The part of the schema that keeps webhooks. Claims ask `endpoints` for derived columns
 * (endpoint-place.ts), which have indexes of their own: for open endpoints, for gated ones, and for
 * those whose place has become wrong with time.
 */
export const webhookTables = `
CREATE TABLE @endpoints (
  id text COLLATE "C" PRIMARY KEY,
  kind text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  created_at bigint NOT NULL,
  disabled_at bigint,
  disabled_reason text COLLATE "C",
  circuit text COLLATE "C" NOT NULL,
  failures integer NOT NULL,
  first_failed_delivery text COLLATE "C",
  several_failed boolean NOT NULL,
  probes integer NOT NULL,
  gate_at bigint,
  gate_reason text COLLATE "C",
  in_flight_max integer NOT NULL,
  failing_since bigint,
  last_success_at bigint,
  last_failure_at bigint,
  tenant text COLLATE "C" NOT NULL,
  origin text COLLATE "C" NOT NULL,
  url text COLLATE "C" NOT NULL,
  events text COLLATE "C" NOT NULL,
  tasks text COLLATE "C",
  headers text COLLATE "C",
  description text COLLATE "C",
  removed_at bigint,
  is_behind boolean NOT NULL DEFAULT FALSE,
  first_at bigint,
  first_id text COLLATE "C",
  open_at bigint,
  place_from bigint,
  place_until bigint,
  CHECK (
    kind IN ('registered', 'request')
    AND circuit IN ('closed', 'open')
    AND (disabled_at IS NULL) = (disabled_reason IS NULL)
    AND (gate_at IS NULL) = (gate_reason IS NULL)
    AND (first_at IS NULL) = (first_id IS NULL)
    AND (first_at IS NOT NULL OR open_at IS NULL)
    AND (first_at IS NULL OR disabled_at IS NULL AND removed_at IS NULL)
  )
) WITH (
  fillfactor = 50,
  toast_tuple_target = 512,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000
);
CREATE INDEX endpoints_open
  ON @endpoints (first_at, first_id)
  WHERE first_at IS NOT NULL AND open_at IS NULL;
CREATE INDEX endpoints_gated
  ON @endpoints (open_at)
  WHERE open_at IS NOT NULL;
CREATE INDEX endpoints_place_until
  ON @endpoints (place_until)
  WHERE place_until IS NOT NULL;
CREATE INDEX endpoints_place_from
  ON @endpoints (place_from)
  WHERE place_from IS NOT NULL;
CREATE INDEX endpoints_behind
  ON @endpoints (id)
  WHERE is_behind;
CREATE INDEX endpoints_tenant
  ON @endpoints (tenant, (id || ''))
  WHERE removed_at IS NULL;
CREATE INDEX endpoints_registered
  ON @endpoints (tenant, id)
  WHERE kind = 'registered' AND removed_at IS NULL;
CREATE UNIQUE INDEX endpoints_request
  ON @endpoints (tenant, url)
  WHERE kind = 'request' AND removed_at IS NULL;

CREATE TABLE @deliveries (
  id text COLLATE "C" PRIMARY KEY,
  endpoint_id text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  created_at bigint NOT NULL,
  attempts integer NOT NULL,
  failures integer NOT NULL,
  failures_max integer NOT NULL,
  next_at bigint,
  expires_at bigint NOT NULL,
  finished_at bigint,
  remove_at bigint,
  attempt_started_at bigint,
  lease_expires_at bigint,
  lease_token text COLLATE "C",
  lease_worker text COLLATE "C",
  trigger text COLLATE "C" NOT NULL,
  last_status integer,
  last_error text COLLATE "C",
  next_reason text COLLATE "C",
  tenant text COLLATE "C" NOT NULL,
  event text COLLATE "C" NOT NULL,
  operation_id text COLLATE "C",
  url text COLLATE "C" NOT NULL,
  body text COLLATE "C" NOT NULL,
  headers text COLLATE "C",
  secret text COLLATE "C",
  CHECK (
    trigger IN ('schedule', 'manual', 'redrive')
    AND (next_at IS NULL) = (next_reason IS NULL)
    AND CASE state
      WHEN 'pending' THEN
        next_at IS NOT NULL AND lease_expires_at IS NULL AND finished_at IS NULL AND remove_at IS NULL
      WHEN 'sending' THEN
        next_at IS NULL AND lease_expires_at IS NOT NULL AND lease_token IS NOT NULL
        AND lease_worker IS NOT NULL AND attempt_started_at IS NOT NULL
        AND finished_at IS NULL AND remove_at IS NULL
      WHEN 'held' THEN
        next_at IS NULL AND lease_expires_at IS NULL AND finished_at IS NULL AND remove_at IS NULL
      ELSE
        state IN ('delivered', 'dead', 'cancelled', 'expired')
        AND next_at IS NULL AND lease_expires_at IS NULL AND lease_token IS NULL
        AND finished_at IS NOT NULL AND remove_at IS NOT NULL
    END
  )
) WITH (
  fillfactor = 90,
  toast_tuple_target = 512,
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.02
);
CREATE INDEX deliveries_pending
  ON @deliveries (endpoint_id, next_at, id)
  WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_sending
  ON @deliveries (lease_expires_at)
  WHERE lease_expires_at IS NOT NULL;
CREATE INDEX deliveries_held
  ON @deliveries (endpoint_id, id)
  WHERE state = 'held';
CREATE INDEX deliveries_unfinished
  ON @deliveries (expires_at)
  WHERE finished_at IS NULL;
CREATE INDEX deliveries_dead
  ON @deliveries (id)
  WHERE state = 'dead';
CREATE INDEX deliveries_dead_of_endpoint
  ON @deliveries (endpoint_id, id)
  WHERE state = 'dead';
CREATE INDEX deliveries_of_endpoint
  ON @deliveries (endpoint_id, id);
CREATE INDEX deliveries_of_operation
  ON @deliveries (operation_id, id)
  WHERE operation_id IS NOT NULL;
CREATE INDEX deliveries_removal
  ON @deliveries (remove_at)
  WHERE remove_at IS NOT NULL;

CREATE TABLE @delivery_attempts (
  delivery_id text COLLATE "C" NOT NULL,
  number integer NOT NULL,
  trigger text COLLATE "C" NOT NULL,
  worker text COLLATE "C" NOT NULL,
  started_at bigint NOT NULL,
  ended_at bigint NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  error text COLLATE "C",
  detail text COLLATE "C",
  next_at bigint,
  next_reason text COLLATE "C",
  timings text COLLATE "C",
  answer text COLLATE "C",
  PRIMARY KEY (delivery_id, number),
  CHECK (outcome IN ('delivered', 'failed', 'unknown'))
);

CREATE TABLE @webhook_secrets (
  owner text COLLATE "C" PRIMARY KEY,
  secrets text COLLATE "C" NOT NULL,
  first_expires_at bigint
);
CREATE INDEX webhook_secrets_expiry
  ON @webhook_secrets (first_expires_at)
  WHERE first_expires_at IS NOT NULL;
`;

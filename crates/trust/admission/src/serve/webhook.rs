//! What is asked, and how it is answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use casemate_core::{Clock, Timestamp};
use casemate_policy::until;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{Instant, timeout, timeout_at},
};

use crate::{Judge, Judged, Metrics, Records, Review, ReviewError, Undecided, metrics::Counted};

/// Who answers an API server.
pub(super) struct Webhook {
    pub(super) judge: Arc<Judge>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) records: Option<Records>,
    pub(super) clock: Arc<dyn Clock>,
    /// One for each judgement at a time.
    pub(super) turns: Arc<Semaphore>,
    /// One for each request at a time that may be large, from before it is read until it is answered. Who sends slowly holds up
    /// other large ones alone.
    pub(super) large: Arc<Semaphore>,
}

/// What is done with a request.
#[derive(Clone, Copy)]
enum Deed {
    Validate,
    Mutate,
}

impl Webhook {
    /// `/validate` and `/mutate`.
    pub(super) fn router(self) -> Router {
        let webhook = Arc::new(self);
        let route = |deed: Deed| {
            post(
                move |State(webhook): State<Arc<Self>>, request: Request| async move {
                    webhook.answer(deed, request).await
                },
            )
        };
        Router::new()
            .route("/validate", route(Deed::Validate))
            .route("/mutate", route(Deed::Mutate))
            .with_state(webhook)
    }

    async fn answer(&self, deed: Deed, request: Request) -> Response {
        let begun = Instant::now();
        let _in_flight = Counted::new(&self.metrics, |metrics| &metrics.in_flight);
        let patience = self.patience(request.uri());
        let time = Time {
            turn: begun + patience / 2,
            end: begun + patience,
        };
        let (parts, body) = request.into_parts();
        let (review, _large) = match self.read(&parts.headers, body, time.turn).await {
            Ok((review, large)) => (Arc::new(review), large),
            Err(refusal) => {
                self.metrics.refused.add(1);
                return refusal.into_response();
            }
        };
        let now = self.clock.now();
        let judged = match self.judged(deed, Arc::clone(&review), now, time).await {
            Ok(judged) => judged,
            Err(why) => self.judge.undecided(&review.request, why, now),
        };
        let Judged {
            response,
            record,
            outcome,
            had_exemption,
        } = judged;
        self.metrics
            .count(review.request.operation, outcome, begun.elapsed());
        self.metrics.ended_exemptions.add(had_exemption.into());
        self.metrics
            .repaired
            .add((!response.patch.is_empty()).into());
        if let Some(records) = &self.records {
            records.put(record);
        }
        let json = [(header::CONTENT_TYPE, "application/json")];
        (json, response.to_json().to_string()).into_response()
    }

    /// The request, or what it is refused with.
    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        deadline: Instant,
    ) -> Result<(Review, Option<OwnedSemaphorePermit>), (StatusCode, String)> {
        let limits = self.judge.settings().limits;
        let refuse = |status: StatusCode, why: &str| (status, format!("{why}\n"));
        let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
        let kind = text(header::CONTENT_TYPE).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let why = "the type of the body has to be application/json";
            return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        let too_large = || {
            let why = format!("the body is larger than {} bytes", limits.body_bytes);
            refuse(StatusCode::PAYLOAD_TOO_LARGE, &why)
        };
        let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if length.is_some_and(|length| length > limits.body_bytes as u64) {
            return Err(too_large());
        }
        let is_small = length.is_some_and(|length| length < SMALL as u64);
        let large = match is_small {
            true => None,
            false => {
                let room = timeout_at(deadline, Arc::clone(&self.large).acquire_owned()).await;
                let Ok(Ok(room)) = room else {
                    let why = "too many large requests are asked at once";
                    return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, why));
                };
                Some(room)
            }
        };
        let time = Duration::from_secs(limits.read_seconds);
        let bytes = match timeout(time, to_bytes(body, limits.body_bytes)).await {
            Ok(Ok(bytes)) => bytes,
            // Either it is larger than it may be, or its sender went away and sees nothing of this.
            Ok(Err(_)) => return Err(too_large()),
            Err(_) => {
                let why = "the body did not come in time";
                return Err(refuse(StatusCode::REQUEST_TIMEOUT, why));
            }
        };
        let read = match bytes.len() {
            ..SMALL => Review::read(&bytes),
            // What takes a while must not hold up the connections of others.
            _ => match spawn_blocking(move || Review::read(&bytes)).await {
                Ok(read) => read,
                Err(_) => Err(ReviewError::Json("it cannot be read".to_owned())),
            },
        };
        let read = read.map(|review| (review, large));
        read.map_err(|error| match error {
            ReviewError::Many => refuse(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string()),
            ReviewError::Json(_) | ReviewError::Shape(_) => {
                refuse(StatusCode::BAD_REQUEST, &error.to_string())
            }
        })
    }

    /// What comes of a request, or why nothing does. A judgement that is given up ends some time, and its turn with it.
    async fn judged(
        &self,
        deed: Deed,
        review: Arc<Review>,
        now: Timestamp,
        time: Time,
    ) -> Result<Judged, Undecided> {
        let turn = timeout_at(time.turn, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Undecided::NoTurn);
        };
        // A turn that is free is had at any time, and the body may have been long in coming.
        if Instant::now() > time.turn {
            return Err(Undecided::NoTurn);
        }
        let judge = Arc::clone(&self.judge);
        let judging = spawn_blocking(move || {
            let _turn = turn;
            deed.of(&judge, &review, now, time.end.into_std())
        });
        match timeout_at(time.end, judging).await {
            // What rules make of the end of their time is no judgement.
            Ok(Ok(judged)) if Instant::now() < time.end => Ok(judged),
            Ok(Ok(_)) | Err(_) => Err(deed.late()),
            Ok(Err(_)) => Err(Undecided::Mistake),
        }
    }

    /// How long a request may take: an API server says how long it waits.
    fn patience(&self, uri: &Uri) -> Duration {
        let own = Duration::from_secs(self.judge.settings().limits.deadline_seconds);
        match uri.query().and_then(waits) {
            Some(waits) => own.min(waits.saturating_sub(MARGIN)),
            None => own,
        }
    }
}

/// When a request has to be where.
#[derive(Clone, Copy)]
struct Time {
    /// It has its turn: what comes later leaves a judgement too little, and says nothing about its object.
    turn: Instant,
    /// It is answered.
    end: Instant,
}

impl Deed {
    fn of(self, judge: &Judge, review: &Review, now: Timestamp, end: std::time::Instant) -> Judged {
        match self {
            // Rules end before the request does, so that the answer says which of them took too long.
            Self::Validate => {
                let rest = end.saturating_duration_since(std::time::Instant::now());
                until(end - rest / 4, || judge.judge(review, now))
            }
            Self::Mutate => until(end, || judge.mutate(review, now)),
        }
    }

    fn late(self) -> Undecided {
        match self {
            Self::Validate => Undecided::TooLong,
            Self::Mutate => Undecided::Unrepaired,
        }
    }
}

/// Health and metrics.
pub(super) fn health(metrics: Arc<Metrics>, is_ready: Arc<AtomicBool>) -> Router {
    let ready = move || async move {
        match is_ready.load(Ordering::Relaxed) {
            true => (StatusCode::OK, "ok\n"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "about to end\n"),
        }
    };
    let text = move || async move {
        let kind = [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )];
        (kind, metrics.text())
    };
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(text))
}

/// How long the API server waits: `timeout=10s` of the query.
fn waits(query: &str) -> Option<Duration> {
    let mut fields = query.split('&');
    let value = fields.find_map(|field| field.strip_prefix("timeout="))?;
    let seconds = value.strip_suffix('s')?.parse().ok()?;
    // The API allows 1 to 30.
    (1..=30)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

/// The answer has to be there before the API server gives up.
const MARGIN: Duration = Duration::from_millis(250);

/// Below it, a body is read where its connection is served, and takes no turn among the large ones.
const SMALL: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_says_how_long_it_waits() {
        for (query, expected) in [
            ("timeout=10s", Some(10)),
            ("a=b&timeout=1s", Some(1)),
            ("timeout=31s", None),
            ("timeout=0s", None),
            ("timeout=-1s", None),
            ("timeout=1m", None),
            ("", None),
        ] {
            assert_eq!(waits(query), expected.map(Duration::from_secs), "{query}");
        }
    }
}

use std::{sync::Arc, time::SystemTime};

use framegate_proto::{
    ServeError,
    v1::{PredictRequest, PredictResponse},
};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::{
    call::Caller,
    convert,
    request::{self, Asked},
};
use crate::{
    admission::{Admission, Ticket},
    board::Arrived,
    routes::Routes,
};

/// Takes requests in and answers them: what `Predict` and `PredictStream` share.
#[derive(Clone)]
pub(super) struct Predictor {
    admission: Arc<Admission>,
}

/// A request whose entries are queued. Dropping it, or the future of its response, cancels them.
pub(super) struct Prediction {
    request_id: String,
    models: Vec<Arc<str>>,
    tickets: Vec<Ticket>,
}

impl Predictor {
    pub(super) fn new(admission: Arc<Admission>) -> Self {
        Self { admission }
    }

    /// Queues an entry for each model of the request.
    ///
    /// # Errors
    /// `InvalidRequest`. What keeps an entry from its queue is an answer of its model.
    pub(super) fn start(
        &self,
        request: PredictRequest,
        caller: &Caller,
    ) -> Result<Prediction, ServeError> {
        let routes = self.admission.routes();
        let Asked { request_id, models, frame } =
            request::read(request, caller, routes.default_timeout, Instant::now())
                .inspect_err(|error| self.admission.count_refused(error))?;
        let models = self::models(&routes, &models);
        self.admission.board().arrivals.note(|| Arrived {
            at: SystemTime::now(),
            camera_id: frame.camera_id.clone(),
            models: models.as_slice().into(),
        });
        let tickets = self.admission.admit(&routes, &frame, &models);
        Ok(Prediction { request_id, models, tickets })
    }

    /// The response of a stream to a request: what fails it whole is its `error`.
    pub(super) fn respond(
        &self,
        request: PredictRequest,
        caller: &Caller,
    ) -> impl Future<Output = PredictResponse> + Send + use<> {
        let request_id = request::returned_id(&request);
        let started = self.start(request, caller);
        async move {
            let response = match started {
                Ok(prediction) => prediction.response().await,
                Err(error) => Err(error),
            };
            let failed = |error: ServeError| PredictResponse {
                request_id,
                error: Some((&error).into()),
                ..Default::default()
            };
            response.unwrap_or_else(failed)
        }
    }
}

/// The models asked for; all of the policy if none.
fn models(routes: &Routes, names: &[String]) -> Vec<Arc<str>> {
    if names.is_empty() {
        return routes.pools().iter().map(|pool| pool.name().clone()).collect();
    }
    names.iter().map(|name| Arc::from(name.as_str())).collect()
}

impl Prediction {
    /// Waits until all models have ended.
    ///
    /// # Errors
    /// The error of all models, when they fail for the same reason.
    pub(super) async fn response(self) -> Result<PredictResponse, ServeError> {
        let answers = join_all(self.tickets.into_iter().map(Ticket::answer)).await;
        if let Some(error) = convert::common_error(&answers) {
            return Err(error);
        }
        let results = self.models.iter().zip(&answers);
        Ok(PredictResponse {
            request_id: self.request_id,
            results: results.map(|(model, answer)| convert::model_result(model, answer)).collect(),
            error: None,
            timings: Some(convert::timings(&answers)),
        })
    }
}

//! The packed size, which AWS's client calls deprecated though AWS goes on sending it.

use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::operation::get_federation_token::GetFederationTokenOutput;

/// Answers that have a packed size.
pub(crate) trait Packed {
    fn packed(&self) -> Option<i32>;
}

impl Packed for AssumeRoleOutput {
    fn packed(&self) -> Option<i32> {
        #[expect(deprecated, reason = "AWS goes on sending it")]
        self.packed_policy_size()
    }
}

impl Packed for GetFederationTokenOutput {
    fn packed(&self) -> Option<i32> {
        #[expect(deprecated, reason = "AWS goes on sending it")]
        self.packed_policy_size()
    }
}

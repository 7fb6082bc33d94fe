// The entry of the call page: whose seat this is, the lobby, then the call.

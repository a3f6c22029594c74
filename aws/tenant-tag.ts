/** The tag that names the tenant of a session, which the role's policy fills its resources with. */
export const tenantTag = 'tenant';
